// Pictures made smaller on some connections, and what they are measured against: a loop of bare sharp that does the same work.
import sharp from 'sharp'

export const PICTURE = { width: 1_600, height: 1_200 } as const
export const RESULT_WIDTH = 400
const QUALITY = 80

/** A picture with something to see in it: noise alone is the worst case of every encoder. */
export async function makePicture(): Promise<Buffer> {
  const { width, height } = PICTURE
  const pixels = Buffer.alloc(width * height * 3)
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at += 3) {
      pixels[at] = (x * 255) / width
      pixels[at + 1] = (y * 255) / height
      pixels[at + 2] = 127 + 60 * Math.sin(x / 9) + 60 * Math.cos(y / 13)
    }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 90 })
    .toBuffer()
}

/** Runs `work` on some lanes for a time; results a second. */
export async function perSecond(lanes: number, ms: number, work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  const end = began + ms
  let done = 0
  const lane = async () => {
    while (performance.now() < end) {
      await work()
      done++
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  return done / ((performance.now() - began) / 1_000)
}

export const resizeBare = (picture: Buffer): Promise<Buffer> =>
  sharp(picture).rotate().resize({ width: RESULT_WIDTH }).jpeg({ quality: QUALITY }).toBuffer()

/** In a process of its own: `{ picture, lanes, ms }` in, results a second out. */
export function serveSharp(): void {
  process.on('message', async ({ picture, lanes, ms }: { picture: string; lanes: number; ms: number }) => {
    const bytes = Buffer.from(picture, 'base64')
    process.send!({ value: await perSecond(lanes, ms, () => resizeBare(bytes)) })
  })
  process.on('disconnect', () => process.exit())
}
