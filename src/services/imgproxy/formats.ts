// The image formats that are known by name: what each is called in a URL, in an answer, and what it can hold.

export interface FormatFacts {
  readonly mime: string
  /** Of the file name in an answer. */
  readonly extension: string
  readonly alpha: boolean
  readonly animation: boolean
  /** Has a quality to lower until it fits `max_bytes`. */
  readonly quality: boolean
  /** Whether it can be the result; SVG only as what it was. */
  readonly saves: boolean
  /** Longest side that the format can say. */
  readonly maxSide: number
}

const facts = (mime: string, extension: string, more: Partial<FormatFacts> = {}): FormatFacts => ({
  mime,
  extension,
  alpha: true,
  animation: false,
  quality: false,
  saves: true,
  maxSide: 65_535,
  ...more,
})

export const FORMATS = {
  jpeg: facts('image/jpeg', '.jpg', { alpha: false, quality: true }),
  png: facts('image/png', '.png'),
  webp: facts('image/webp', '.webp', { animation: true, quality: true, maxSide: 16_383 }),
  avif: facts('image/avif', '.avif', { quality: true, maxSide: 16_384 }),
  gif: facts('image/gif', '.gif', { animation: true }),
  ico: facts('image/x-icon', '.ico', { maxSide: 256 }),
  svg: facts('image/svg+xml', '.svg', { saves: false }),
  heic: facts('image/heif', '.heic', { saves: false }),
  bmp: facts('image/bmp', '.bmp'),
  tiff: facts('image/tiff', '.tiff', { quality: true }),
} as const satisfies Record<string, FormatFacts>

export type Format = keyof typeof FORMATS

const ALIASES: ReadonlyMap<string, Format> = new Map([
  ...(Object.keys(FORMATS) as Format[]).map((name) => [name, name] as const),
  ['jpg', 'jpeg'],
])

/** The format that a URL or a variable names. */
export const formatNamed = (name: string): Format | undefined => ALIASES.get(name)
