import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { silentLog } from '../../../log/log.ts'
import { TextOutput } from './html-output.ts'
import { TemplateSource } from './template-source.ts'

const folder = mkdtempSync(join(tmpdir(), 'plinth-templates-'))
let answer = { status: 200, text: 'from the web: {{ .Token }}' }
const server = createServer((_req, res) => res.writeHead(answer.status).end(answer.text))
let url = ''
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  writeFileSync(join(folder, 'mail.html'), 'from a file: {{ .Token }}')
})
afterAll(() => {
  server.close()
  rmSync(folder, { recursive: true })
})

let now = 0
const source = (value: string, siteUrl = 'http://127.0.0.1:9') =>
  new TemplateSource('GOTRUE_MAILER_TEMPLATES_CONFIRMATION', value, 'the default: {{ .Token }}', {
    siteUrl,
    maxAgeMs: 1_000,
    retryMs: 100,
    maxBytes: 1_000,
    log: silentLog,
    now: () => now,
  })
const filled = async (from: TemplateSource) => {
  const output = new TextOutput()
  const template = await from.load()
  template.execute({ Token: '42' }, output)
  return output.text
}

test('a template is inline text, a file, a file URL, a URL, or a path under the site', async () => {
  expect(await filled(source('inline: {{ .Token }}'))).toBe('inline: 42')
  expect(await filled(source('<b>plain</b>'))).toBe('<b>plain</b>')
  expect(await filled(source(join(folder, 'mail.html')))).toBe('from a file: 42')
  expect(await filled(source(`file://${join(folder, 'mail.html')}`))).toBe('from a file: 42')
  expect(await filled(source(`${url}/tpl`))).toBe('from the web: 42')
  expect(await filled(source('/templates/confirm.html', url))).toBe('from the web: 42')
})

test('a source that fails leaves the default, and later the last good text', async () => {
  now = 0
  const web = source(`${url}/tpl`)
  answer = { status: 500, text: 'no' }
  expect(await filled(web)).toBe('the default: 42')
  answer = { status: 200, text: 'one {{ .Token }}' }
  expect(await filled(web)).toBe('the default: 42')
  now = 200
  expect(await filled(web)).toBe('one 42')
  answer = { status: 200, text: '{{ if }' }
  now = 5_000
  expect(await filled(web)).toBe('one 42')
  answer = { status: 200, text: 'x'.repeat(2_000) }
  now = 10_000
  expect(await filled(web)).toBe('one 42')
})

test('a text is renewed before it is old, so that no mail waits for it', async () => {
  now = 20_000
  answer = { status: 200, text: 'early {{ .Token }}' }
  const web = source(`${url}/tpl`)
  await web.renew()
  answer = { status: 200, text: 'later {{ .Token }}' }
  now += 500
  await web.renew()
  expect(await filled(web)).toBe('early 42')
  now += 450
  await web.renew()
  expect(await filled(web)).toBe('later 42')
})
