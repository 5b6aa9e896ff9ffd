// An imgproxy of its own for a test: on a free port of loopback, with a folder for `local://` sources, ended with `await using`.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp, { type Sharp } from 'sharp'
import { readEnv } from '../../src/env/read.ts'
import { Dispatcher } from '../../src/http/dispatch.ts'
import { serveEndpoint } from '../../src/http/server.ts'
import { silentLog } from '../../src/log/log.ts'
import { imgproxyEnv } from '../../src/services/imgproxy/env.ts'
import { type ImgproxyService, imgproxy } from '../../src/services/imgproxy/index.ts'

export interface TestImgproxy extends AsyncDisposable {
  readonly service: ImgproxyService
  readonly url: string
  /** Folder of the local sources. */
  readonly root: string
  get(path: string, headers?: Record<string, string>): Promise<Response>
}

export async function startImgproxy(variables: Record<string, string> = {}): Promise<TestImgproxy> {
  const root = await mkdtemp(join(tmpdir(), 'plinth-imgproxy-'))
  const env = readEnv(imgproxyEnv, { IMGPROXY_LOCAL_FILESYSTEM_ROOT: root, ...variables })
  const service = (await imgproxy.start(env, {
    log: silentLog,
    dispatcher: new Dispatcher(),
    signal: new AbortController().signal,
  })) as ImgproxyService
  const server = await serveEndpoint(service.endpoints[0]!, '127.0.0.1', 0)
  const url = `http://127.0.0.1:${server.port}`
  return {
    service,
    url,
    root,
    // A URL object would resolve what the tests of paths are about.
    get: (path, headers = {}) => fetch(`${url}${path}`, { headers: { accept: '*/*', ...headers } }),
    async [Symbol.asyncDispose]() {
      await service.stop()
      await server.close(0)
      await rm(root, { recursive: true, force: true })
    },
  }
}

/** 200 x 100: the left half has red, the upper half green. */
export function quarters(width = 200, height = 100): Sharp {
  const data = Buffer.alloc(width * height * 3, 64)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      data[(y * width + x) * 3] = x < width / 2 ? 255 : 0
      data[(y * width + x) * 3 + 1] = y < height / 2 ? 255 : 0
    }
  return sharp(data, { raw: { width, height, channels: 3 } })
}

export interface Seen {
  readonly format: string
  readonly width: number
  readonly height: number
  readonly frames: number
}

/** What an answer holds. */
export async function seen(response: Response): Promise<Seen> {
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`)
  const facts = await sharp(Buffer.from(await response.arrayBuffer()), { animated: true }).metadata()
  return { format: facts.format, width: facts.width, height: facts.pageHeight ?? facts.height, frames: facts.pages ?? 1 }
}

/** Red, green and blue at a point of an answer. */
export async function colourAt(response: Response, x: number, y: number): Promise<number[]> {
  const { data, info } = await sharp(Buffer.from(await response.arrayBuffer()))
    .raw()
    .toBuffer({ resolveWithObject: true })
  const at = (y * info.width + x) * info.channels
  return [...data.subarray(at, at + info.channels)]
}

export async function animation(frames: number, width = 100, height = 50): Promise<Buffer> {
  const pictures = await Promise.all(
    Array.from({ length: frames }, (_, i) =>
      sharp({ create: { width, height, channels: 4, background: { r: (i * 40) % 256, g: i % 256, b: 0, alpha: 1 } } })
        .png()
        .toBuffer(),
    ),
  )
  return sharp(pictures, { join: { animated: true } })
    .gif({ delay: pictures.map(() => 70) })
    .toBuffer()
}
