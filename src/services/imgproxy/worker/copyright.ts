// Copyright and artist out of a picture's EXIF: the only metadata that results keep.

export interface Rights {
  readonly Copyright?: string
  readonly Artist?: string
}

const ARTIST = 0x013b
const COPYRIGHT = 0x8298
const ASCII = 2
const MOST_ENTRIES = 512
const LONGEST = 4_096

/** `exif`: the block as libvips gives it, with or without its `Exif\0\0`. */
export function rightsOf(exif: Buffer | undefined): Rights {
  if (!exif) return {}
  const tiff = exif.toString('latin1', 0, 4) === 'Exif' ? exif.subarray(6) : exif
  try {
    return readIfd0(tiff)
  } catch (error) {
    // A block that points beyond its end says nothing about rights.
    if (error instanceof RangeError) return {}
    throw error
  }
}

function readIfd0(tiff: Buffer): Rights {
  const little = tiff.toString('latin1', 0, 2) === 'II'
  const short = (at: number): number => (little ? tiff.readUInt16LE(at) : tiff.readUInt16BE(at))
  const long = (at: number): number => (little ? tiff.readUInt32LE(at) : tiff.readUInt32BE(at))
  if (short(2) !== 42) return {}
  const start = long(4)
  const rights: { Copyright?: string; Artist?: string } = {}
  for (let i = 0; i < Math.min(short(start), MOST_ENTRIES); i++) {
    const entry = start + 2 + i * 12
    const tag = short(entry)
    if ((tag !== ARTIST && tag !== COPYRIGHT) || short(entry + 2) !== ASCII) continue
    const length = Math.min(long(entry + 4), LONGEST)
    const at = length > 4 ? long(entry + 8) : entry + 8
    const text = tiff
      .toString('utf8', at, at + length)
      .replace(/\0+$/, '')
      .trim()
    if (text !== '') rights[tag === ARTIST ? 'Artist' : 'Copyright'] = text
  }
  return rights
}
