import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readEnv } from '../../../env/read.ts'
import { imgproxyEnv } from '../env.ts'
import { ImgproxyError } from '../errors.ts'
import { acceptedBy, varyOf } from './negotiate.ts'
import { checkPresets, parsePath, splitSignature } from './parse.ts'

const env = readEnv(imgproxyEnv, { IMGPROXY_PRESETS: 'default=width:3000/height:8192,thumb=rs:fill:50:50' })
const plain = acceptedBy({}, env)
const parse = (path: string) => parsePath(path, env, plain)

test.each([
  ['/w:5/plain/http://h/a.png', { width: 5, height: 8_192 }, 'http://h/a.png'],
  [
    '/rs:fill:4:5:1:1:no/plain/x',
    { resizingType: 'fill', width: 4, height: 5, enlarge: true, extend: { enabled: true, gravity: { type: 'no', x: 0, y: 0 } } },
    'x',
  ],
  ['/rs:::7/plain/x', { resizingType: 'fit', width: 3_000, height: 7 }, 'x'],
  ['/pr:thumb/plain/x', { resizingType: 'fill', width: 50, height: 50 }, 'x'],
  ['/pd:1:2/plain/x', { padding: { top: 1, right: 2, bottom: 1, left: 2 } }, 'x'],
  ['/pd:1:2:3:4/plain/x', { padding: { top: 1, right: 2, bottom: 3, left: 4 } }, 'x'],
  ['/bg:f00/plain/x', { flatten: true, background: { r: 255, g: 0, b: 0 } }, 'x'],
  ['/bg:/plain/x', { flatten: false }, 'x'],
  ['/rot:-90/plain/x', { rotate: 270 }, 'x'],
  ['/fq:webp:30:jpg:40/plain/x', { formatQuality: { avif: 50, webp: 30, jpeg: 40 } }, 'x'],
  ['/el:maybe/plain/x', { enlarge: false }, 'x'],
  ['/fn:Zm9v:1/plain/x', { filename: 'foo' }, 'x'],
  ['/wm:0.5:soea:3:4:0.2/plain/x', { watermark: { opacity: 0.5, position: 'soea', x: 3, y: 4, scale: 0.2 } }, 'x'],
  ['/plain/http://h/a%40b.png@webp', { format: 'webp' }, 'http://h/a@b.png'],
  ['/raw:1/plain/x@webp', { format: undefined, raw: true }, 'x'],
  ['/plain/local:///a b', {}, 'local:///a b'],
  [`/${Buffer.from('http://h/a.png').toString('base64url')}.jpg`, { format: 'jpeg' }, 'http://h/a.png'],
  [`/${Buffer.from('http://h/a').toString('base64')}`, {}, 'http://h/a'],
])('%s', (path, options, source) => {
  expect(parse(path)).toMatchObject({ options, source })
})

test('the signature is what stands before the first slash', () => {
  expect(splitSignature('/sig/w:5/plain/x?y#z', '')).toEqual({ signature: 'sig', path: '/w:5/plain/x' })
  expect(splitSignature('/img/sig/w:5/plain/x', '/img')).toEqual({ signature: 'sig', path: '/w:5/plain/x' })
  expect(splitSignature('/sig/plain/https:/h/x', '').path).toBe('/plain/https://h/x')
  expect(splitSignature('/sig/plain/local:/x', '').path).toBe('/plain/local:///x')
})

test('whatever comes is parsed or refused, and never anything else', () => {
  const part = fc.oneof(
    fc.constantFrom(
      'rs',
      'w',
      'g',
      'c',
      't',
      'wm',
      'fp',
      'plain',
      'pr',
      'exp',
      'fn',
      'bg',
      '__proto__',
      '1',
      '-1',
      '1e309',
      'NaN',
      '',
      '0x10',
      ':',
      '@',
      '%',
    ),
    fc.string({ maxLength: 8 }),
  )
  const path = fc
    .array(
      fc.array(part, { maxLength: 6 }).map((args) => args.join(':')),
      { maxLength: 5 },
    )
    .map((parts) => `/${parts.join('/')}`)
  fc.assert(
    fc.property(path, (given) => {
      try {
        expect(typeof parse(splitSignature(`/s${given}`, '').path).source).toBe('string')
      } catch (error) {
        expect(error).toBeInstanceOf(ImgproxyError)
        expect((error as ImgproxyError).status).toBe(404)
      }
    }),
  )
})

test('presets that no URL could use are found at the start', () => {
  checkPresets(env)
  expect(() => checkPresets(readEnv(imgproxyEnv, { IMGPROXY_PRESETS: 'a=nonsense:1' }))).toThrow(/unknown option/)
  expect(() => checkPresets(readEnv(imgproxyEnv, { IMGPROXY_PRESETS: 'a=pr:b' }))).toThrow(/unknown preset/)
})

test('only presets where the configuration says so', () => {
  const only = readEnv(imgproxyEnv, { IMGPROXY_PRESETS: 'a=w:5,b=h:6', IMGPROXY_ONLY_PRESETS: 'true' })
  expect(parsePath('/a:b/plain/x', only, plain).options).toMatchObject({ width: 5, height: 6 })
  expect(() => parsePath('/w:5/plain/x', only, plain)).toThrow(/unknown preset/)
})

test('what a browser accepts counts where detection is on', () => {
  const accept = 'image/avif,image/webp,*/*'
  expect(acceptedBy({ accept }, env)).toMatchObject({ preferWebp: false, preferAvif: false })
  expect(varyOf(env)).toBe('')
  const auto = readEnv(imgproxyEnv, { IMGPROXY_AUTO_WEBP: 'true', IMGPROXY_ENFORCE_AVIF: 'true', IMGPROXY_ENABLE_CLIENT_HINTS: '1' })
  expect(acceptedBy({ accept, dpr: '2', width: '100' }, auto)).toEqual({
    preferWebp: true,
    enforceWebp: false,
    preferAvif: true,
    enforceAvif: true,
    dpr: 2,
    width: 50,
  })
  expect(varyOf(auto)).toBe('Accept, Sec-CH-DPR, DPR, Sec-CH-Width, Width')
})
