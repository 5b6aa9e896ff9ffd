// A path to what it asks for: signature, options, presets, and the source with its extension.
import type { ImgproxyEnv } from '../env.ts'
import { applyOption, isResizingType } from './apply-option.ts'
import { refuse } from './arguments.ts'
import type { Accepted } from './negotiate.ts'
import { defaultOptions, type ProcessingOptions } from './options.ts'

export interface ParsedUrl {
  readonly options: ProcessingOptions
  readonly source: string
}

/** `/signature/rest` into its two parts; the rest begins with a slash, as it is signed. */
export function splitSignature(target: string, prefix: string): { signature: string; path: string } {
  const end = target.search(/[?#]/)
  const whole = end < 0 ? target : target.slice(0, end)
  const path = (prefix !== '' && whole.startsWith(`${prefix}/`) ? whole.slice(prefix.length) : whole).replace(/^\//, '')
  const at = path.indexOf('/')
  if (at < 1) throw refuse('there is nothing behind the signature')
  return { signature: path.slice(0, at), path: mendSlashes(path.slice(at)) }
}

/** Servers in front make one slash of several: `plain/http:/host` is what is left. */
const mendSlashes = (path: string): string =>
  path.replace(/\/plain\/([^\s/:]+):\/(?!\/)/, (_, scheme: string) => `/plain/${scheme}://${scheme === 'local' ? '/' : ''}`)

export function parsePath(path: string, env: ImgproxyEnv, accepted: Accepted): ParsedUrl {
  const parts = path.slice(1).split('/')
  const options = { ...defaultOptions(env), ...accepted }
  const presets = env.IMGPROXY_PRESETS
  if (presets.has('default')) applyPresets(options, ['default'], presets, [])
  const rest = env.IMGPROXY_ONLY_PRESETS ? presetsOnly(options, parts, presets) : withOptions(options, parts, presets)
  const { source, extension } = decodeSource(rest)
  if (extension !== '' && !options.raw) applyOption(options, 'format', [extension])
  return { options, source: withBase(source, env.IMGPROXY_BASE_URL) }
}

function withOptions(options: ProcessingOptions, parts: readonly string[], presets: ReadonlyMap<string, string>): readonly string[] {
  if (isResizingType(parts[0]!)) throw refuse('the basic URL format is not supported')
  const end = parts.findIndex((part) => !part.includes(':'))
  if (end < 0) throw refuse('the source is missing')
  for (const part of parts.slice(0, end)) apply(options, part, presets, [])
  return parts.slice(end)
}

function presetsOnly(options: ProcessingOptions, [names = '', ...rest]: readonly string[], presets: ReadonlyMap<string, string>): string[] {
  applyPresets(options, names.split(':'), presets, [])
  return rest
}

function apply(options: ProcessingOptions, part: string, presets: ReadonlyMap<string, string>, within: readonly string[]): void {
  const [name = '', ...args] = part.split(':')
  if (name === 'preset' || name === 'pr') applyPresets(options, args, presets, within)
  else applyOption(options, name, args)
}

/** A preset may name others; one that leads back to itself is left out there, as upstream does. */
function applyPresets(
  options: ProcessingOptions,
  names: readonly string[],
  presets: ReadonlyMap<string, string>,
  within: readonly string[],
): void {
  for (const name of names) {
    const preset = presets.get(name)
    if (preset === undefined) throw refuse(`unknown preset ${name}`)
    if (within.includes(name)) continue
    for (const part of preset.split('/')) apply(options, part, presets, [...within, name])
  }
}

/** Throws for presets that no URL could use: found when the service starts. */
export function checkPresets(env: ImgproxyEnv): void {
  for (const name of env.IMGPROXY_PRESETS.keys()) applyPresets(defaultOptions(env), [name], env.IMGPROXY_PRESETS, [])
}

function decodeSource(parts: readonly string[]): { source: string; extension: string } {
  const plain = parts[0] === 'plain' && parts.length > 1
  const [encoded = '', extension = '', ...more] = plain ? parts.slice(1).join('/').split('@') : parts.join('').split('.')
  if (encoded === '') throw refuse('the source is missing')
  if (more.length > 0) throw refuse('there is more than one extension')
  return { source: plain ? fromPercent(encoded) : fromBase64(encoded), extension }
}

function fromPercent(encoded: string): string {
  try {
    return decodeURIComponent(encoded)
  } catch {
    throw refuse('the source is not percent-encoded')
  }
}

function fromBase64(encoded: string): string {
  const text = encoded.replace(/=+$/, '')
  if (!/^[A-Za-z0-9_-]+$/.test(text)) throw refuse('the source is not base64url')
  return Buffer.from(text, 'base64url').toString()
}

const withBase = (source: string, base: string): string => (base === '' || source.startsWith(base) ? source : base + source)
