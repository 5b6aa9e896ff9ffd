import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import '../../../../../test/support/seed.ts'
import { readShape, TraefikConfigError } from './conform.ts'
import { dynamicSchema } from './dynamic.ts'
import { parseText } from './parse-text.ts'
import { asksForTraefik, parseAddress, readStatic } from './sources.ts'
import { renderTemplate, TemplateError } from './template.ts'
import { treeOf } from './tree.ts'

test.each<[string, string]>([
  ['plain', 'plain'],
  ['{{ $a := "x" }}{{ $a }}-{{ env "KIT" }}', 'x-seven'],
  ['{{ env "NONE" | default "fallback" | upper }}', 'FALLBACK'],
  ['{{ if eq (env "KIT") "seven" }}yes{{ else }}no{{ end }}', 'yes'],
  ['{{ if false }}a{{ else if true }}b{{ else }}c{{ end }}', 'b'],
  ['{{ range $i, $e := list "a" "b" }}{{ $i }}={{ $e }};{{ end }}', '0=a;1=b;'],
  ['{{ range until 3 }}{{ . }}{{ end }}', '012'],
  ['a {{- " b " -}} c', 'a b c'],
  ['{{/* nothing */}}x', 'x'],
  ['{{ printf "%s-%03d" "a" 7 }}', 'a-007'],
  ['{{ with dict "k" "v" }}{{ .k }}{{ end }}', 'v'],
  ['{{ replace "." "-" "a.b" }}', 'a-b'],
])('template %s', (template, text) => {
  expect(renderTemplate(template, { KIT: 'seven' })).toBe(text)
})

test.each([
  ['{{ nothing "x" }}', 'function "nothing" not defined'],
  ['{{ if true }}x', 'without {{end}}'],
  ['{{ $x }}', 'undefined variable'],
  ['{{', 'unclosed action'],
])('template %s is refused: %s', (template, reason) => {
  expect(() => renderTemplate(template, {})).toThrow(reason)
})

test('any template gives text or a TemplateError', () => {
  const part = fc.constantFrom('{{', '}}', ' if ', ' end ', ' range ', '$x', ':=', '"a"', '|', 'env', '(', ')', 'else', 'x', '-', '.')
  fc.assert(
    fc.property(fc.array(part, { maxLength: 20 }), (parts) => {
      try {
        expect(typeof renderTemplate(parts.join(''), {})).toBe('string')
      } catch (error) {
        expect(error).toBeInstanceOf(TemplateError)
      }
    }),
  )
})

test('labels: any letter case, lists by commas, structures without options', () => {
  const raw = treeOf(
    [
      ['Traefik.HTTP.Routers.Web.EntryPoints', 'a, b'],
      ['traefik.http.routers.Web.tls', 'true'],
      ['traefik.http.routers.Web.tls.domains[0].main', 'a.test'],
      ['traefik.http.routers.Web.tls.domains[0].sans', 'b.test,c.test'],
      ['traefik.http.middlewares.c.compress', 'true'],
      ['traefik.http.middlewares.h.headers.customrequestheaders.X-Own', '1'],
      ['traefik.http.services.s.loadbalancer.server.port', '80'],
      ['other.key', 'x'],
    ],
    'traefik',
  )
  const { http } = readShape(raw, dynamicSchema, 'labels')
  expect(http.routers['Web']).toEqual({ entryPoints: ['a', 'b'], tls: { domains: [{ main: 'a.test', sans: ['b.test', 'c.test'] }] } })
  expect(http.middlewares['c']).toHaveProperty('compress')
  expect(http.middlewares['h']?.['headers']).toMatchObject({ customRequestHeaders: { 'X-Own': '1' } })
  expect(http.services['s']?.loadBalancer?.servers).toEqual([{ port: '80', preservePath: false }])
})

test('names that every object has change nothing but the configuration', () => {
  const raw = treeOf(
    [
      ['traefik.http.routers.__proto__.rule', 'Path(`/a`)'],
      ['traefik.http.routers.constructor.rule', 'Path(`/b`)'],
    ],
    'traefik',
  )
  const { http } = readShape(raw, dynamicSchema, 'labels')
  expect(Object.keys(http.routers)).toEqual(['constructor'])
  expect(http.routers['constructor']?.rule).toBe('Path(`/b`)')
  expect(({} as Record<string, unknown>)['rule']).toBeUndefined()
})

test('a file with several mistakes names each', () => {
  const read = () => readShape(parseText('x.yml', 'http: { routers: { r: { rul: a, priority: x } }, servces: {} }'), dynamicSchema, 'x.yml')
  expect(read).toThrow(TraefikConfigError)
  expect(read).toThrow(/http\.routers\.r\.rul: field not found, node: rul[\s\S]*http\.servces/)
  expect(() => parseText('x.toml', '[http')).toThrow(TraefikConfigError)
  expect(() => parseText('x.yml', 'a: [')).toThrow(TraefikConfigError)
})

const web = (env: Record<string, string>) => readStatic({ HOME: '/nowhere', ...env }).entryPoints

test('static configuration: a file before flags before variables, one of them alone', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'plinth-static-'))
  try {
    const file = join(folder, 'own.toml')
    await writeFile(file, '[entryPoints.fromfile]\naddress = ":1"\n[providers.file]\nfilename = "x"\n')
    const variables = { TRAEFIK_ENTRYPOINTS_FROMENV_ADDRESS: ':3', TRAEFIK_PROVIDERS_FILE_FILENAME: 'x' }
    const flags = { PLINTH_GATEWAY_FLAGS: '--entryPoints.fromflag.address=:2\n--api' }
    expect(Object.keys(web(variables))).toEqual(['fromenv'])
    expect(Object.keys(web({ ...variables, ...flags }))).toEqual(['fromflag'])
    expect(Object.keys(web({ ...variables, PLINTH_GATEWAY_FLAGS: `${flags.PLINTH_GATEWAY_FLAGS}\n--configFile\n${file}` }))).toEqual([
      'fromfile',
    ])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test.each<[Record<string, string>, string]>([
  [{ TRAEFIK_NONSENSE: '1' }, 'TRAEFIK_NONSENSE: no such setting'],
  [{ TRAEFIK_ENTRYPOINTS_WEB_ADDRESS: '80' }, "expected [host]:port, got '80'"],
  [
    { TRAEFIK_ENTRYPOINTS_WEB_ADDRESS: ':80', TRAEFIK_ENTRYPOINTS_WEB_HTTP_REDIRECTIONS_ENTRYPOINT_TO: 'lost' },
    'non-existing entry point: lost',
  ],
  [{ TRAEFIK_PROVIDERS_FILE_WATCH: 'true' }, 'filename or directory is required'],
  [{ TRAEFIK_PING_ENTRYPOINT: 'lost' }, 'no such entry point: lost'],
  [{ PLINTH_GATEWAY_FLAGS: 'nonsense' }, 'expected a flag such as'],
])('static configuration %j is refused: %s', (env, reason) => {
  expect(() => web(env)).toThrow(reason)
})

test('without an entry point there is http on 80; internal pages have 8080', () => {
  expect(web({ TRAEFIK_PING: 'true' })).toMatchObject({ http: { address: ':80' }, traefik: { address: ':8080' } })
})

test('who asks for Traefik', () => {
  expect(asksForTraefik({ TRAEFIK_PROVIDERS_FILE_FILENAME: 'x' })).toBe(true)
  expect(asksForTraefik({ TRAEFIK_ENTRYPOINTS_WEB_ADDRESS: ':80' })).toBe(false)
  expect(asksForTraefik({ PLINTH_GATEWAY_FLAGS: '--api' })).toBe(true)
})

test('addresses', () => {
  expect(parseAddress(':80')).toEqual({ host: '0.0.0.0', port: 80 })
  expect(parseAddress('[::1]:80/tcp')).toEqual({ host: '::1', port: 80 })
  expect(parseAddress(':53/udp')).toBeUndefined()
  expect(parseAddress(':99999')).toBeUndefined()
})
