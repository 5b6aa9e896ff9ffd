#!/usr/bin/env node
// The two bins `plinth` and `supabase`: the process's edge. Nothing else touches argv, the environment, signals or the exit code.
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { processIo } from './cli/io.ts'
import { main } from './cli/main.ts'
import { onSignal } from './cli/signals.ts'

// V8 learns wrongly, from requests that wait, that what requests are made of lives long, and then keeps their garbage for the slow
// collector: without this one gateway request costs a quarter more.
setFlagsFromString('--no-allocation-site-pretenuring')

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
const argv = process.argv.slice(2)
const stop = new AbortController()
using _ = onSignal(['SIGINT', 'SIGTERM'], () => stop.abort())
// A closed pipe (`plinth logs | head`) ends the program quietly.
const unread = false
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => stop.abort()) // not at once: a stack that this command runs is stopped cleanly

const called = basename(process.argv[1] ?? '')
const code = await main({
  name: called === 'supabase' ? 'supabase' : 'plinth',
  version,
  argv,
  env: process.env,
  cwd: process.cwd(),
  io: processIo(() => argv.includes('--yes') || process.env['SUPABASE_YES'] === 'true'),
  signal: stop.signal,
})
process.exit(unread ? 0 : code)
