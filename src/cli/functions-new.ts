// `supabase functions new SLUG`: a function that runs, and its table in config.toml.
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'smol-toml'
import { FUNCTION_SLUG, invalidFunctionName } from '../project/config/functions.ts'
import { at, type Tree } from '../project/config/tree.ts'
import { CONFIG_FILE } from '../project/workdir.ts'
import { CliError, type Command, flagText } from './command.ts'
import { workDirOf } from './stack-link.ts'

type Access = 'none' | 'apikey' | 'user'

export const functionsNew: Command = {
  name: 'functions new',
  summary: 'Write a new edge function',
  args: 'NAME',
  minArgs: 1,
  maxArgs: 1,
  flags: [
    { name: 'auth', kind: 'string', value: 'WHO', oneOf: ['none', 'apikey', 'user'], default: 'apikey', help: 'who may call the function' },
  ],
  async run(invocation) {
    const slug = invocation.args[0]!
    if (!FUNCTION_SLUG.test(slug)) throw new CliError(invalidFunctionName(slug))
    const access = flagText(invocation.flags, 'auth') as Access
    const workDir = workDirOf(invocation)
    const folder = join('supabase', 'functions', slug)
    const entry = join(folder, 'index.ts')
    if (existsSync(join(workDir, entry))) throw new CliError(`failed to create function entrypoint: open ${entry}: file exists`)
    mkdirSync(join(workDir, folder), { recursive: true })
    writeFileSync(join(workDir, entry), source(slug, access))
    writeFileSync(join(workDir, folder, 'deno.json'), `${JSON.stringify({ imports: {} }, null, 2)}\n`)
    writeFileSync(join(workDir, folder, '.npmrc'), '# Registries of private packages: https://docs.npmjs.com/cli/configuring-npm/npmrc\n')
    declare(join(workDir, CONFIG_FILE), slug, access)
    invocation.io.out(`Created new Function at ${folder}\n`)
    return 0
  },
}

const CHECKS: Readonly<Record<Access, string>> = {
  none: '',
  user: '',
  apikey: `  if (!known(request.headers.get('apikey'))) return Response.json({ message: 'Invalid API key' }, { status: 401 })
`,
}

const HEADS: Readonly<Record<Access, string>> = {
  none: '// Anybody can call this function.\n',
  user: '// Only signed-in users can call this function: their token is checked before it gets here.\n',
  apikey: `// Whoever has an API key of the project can call this function.
const keys = new Set([
  ...Object.values(JSON.parse(Deno.env.get('SUPABASE_PUBLISHABLE_KEYS') ?? '{}')),
  ...Object.values(JSON.parse(Deno.env.get('SUPABASE_SECRET_KEYS') ?? '{}')),
  Deno.env.get('SUPABASE_ANON_KEY'),
  Deno.env.get('SUPABASE_SERVICE_ROLE_KEY'),
])
const known = (key: string | null) => key !== null && keys.has(key)

`,
}

const source = (slug: string, access: Access): string => `${HEADS[access]}Deno.serve(async (request) => {
${CHECKS[access]}  const { name = 'world' } = await request.json().catch(() => ({}))
  return Response.json({ message: \`Hello \${name}!\` })
})

// Try it while the stack runs:
//   curl http://127.0.0.1:54321/functions/v1/${slug} -H 'apikey: <publishable key>' -d '{"name":"Functions"}'
`

/** Appends the function's table unless the file has one. */
function declare(file: string, slug: string, access: Access): void {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  if (at(treeOf(text), ['functions', slug]) !== undefined) return
  const gap = text === '' || text.endsWith('\n\n') ? '' : text.endsWith('\n') ? '\n' : '\n\n'
  appendFileSync(
    file,
    `${gap}[functions.${slug}]
enabled = true
verify_jwt = ${access === 'user'}
import_map = "./functions/${slug}/deno.json"
entrypoint = "./functions/${slug}/index.ts"
`,
  )
}

function treeOf(text: string): Tree {
  try {
    return parse(text) as Tree
  } catch (error) {
    throw new CliError(`failed to update config: ${CONFIG_FILE} is not valid TOML: ${(error as Error).message.split('\n')[0]}`, {
      cause: error,
    })
  }
}
