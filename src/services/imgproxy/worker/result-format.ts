// Which format the result has: what was asked for, what the browser reads, what the source is, in upstream's order. Pure.

import { ImgproxyError } from '../errors.ts'
import { FORMATS, type Format } from '../formats.ts'
import type { ProcessingOptions } from '../url/options.ts'

export interface SourceFacts {
  readonly format: Format
  readonly animated: boolean
  readonly alpha: boolean
}

export function resultFormat(source: SourceFacts, options: ProcessingOptions, preferred: readonly Format[]): Format {
  const format = options.format === undefined ? chosen(source, options, preferred) : enforced(options.format, source, options)
  if (!FORMATS[format].saves) throw new ImgproxyError('unsupported_result', `results cannot be ${format}`)
  return format
}

function chosen(source: SourceFacts, options: ProcessingOptions, preferred: readonly Format[]): Format {
  if (options.preferAvif && !source.animated) return 'avif'
  if (options.preferWebp) return 'webp'
  if (preferred.includes(source.format)) return source.format
  const { top, right, bottom, left } = options.padding
  const transparent = !options.flatten && (source.alpha || options.extend.enabled || top + right + bottom + left > 0)
  const holds = (format: Format): boolean => (!source.animated || FORMATS[format].animation) && (!transparent || FORMATS[format].alpha)
  return preferred.find(holds) ?? preferred[0] ?? 'png'
}

function enforced(format: Format, source: SourceFacts, options: ProcessingOptions): Format {
  if (options.enforceAvif && !source.animated) return 'avif'
  return options.enforceWebp ? 'webp' : format
}
