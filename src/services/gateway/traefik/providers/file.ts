// The file provider: one file or a folder of them, YAML or TOML, with Go templates.
import { readdir, readFile, stat } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import type { Environment } from '../../../../service/definition.ts'
import { readShape, TraefikConfigError } from '../config/conform.ts'
import { type DynamicConfig, dynamicSchema } from '../config/dynamic.ts'
import { parseText } from '../config/parse-text.ts'
import { renderTemplate, TemplateError } from '../config/template.ts'
import { watchFolders } from './watch.ts'

const ENDINGS = new Set(['.toml', '.yaml', '.yml'])
const MAX_FILES = 10_000

export interface FileSettings {
  readonly filename: string
  readonly directory: string
}

/** Throws TraefikConfigError with the first file that cannot be used. */
export async function loadFiles({ filename, directory }: FileSettings, env: Environment): Promise<DynamicConfig> {
  const names = directory === '' ? [filename] : await filesIn(directory)
  const merged = dynamicSchema.parse({})
  for (const name of names) merge(merged, await loadFile(name, env))
  return merged
}

async function loadFile(name: string, env: Environment): Promise<DynamicConfig> {
  let text: string
  try {
    text = await readFile(name, 'utf8')
  } catch (error) {
    throw new TraefikConfigError(name, [{ where: '', what: `cannot read the file (${(error as NodeJS.ErrnoException).code})` }])
  }
  try {
    return readShape(parseText(name, renderTemplate(text, env)), dynamicSchema, name)
  } catch (error) {
    if (error instanceof TemplateError) throw new TraefikConfigError(name, [{ where: '', what: `template: ${error.message}` }])
    throw error
  }
}

/** What an earlier file says stays. */
function merge(into: DynamicConfig, from: DynamicConfig): void {
  for (const kind of ['routers', 'services', 'middlewares', 'serversTransports'] as const)
    for (const [key, value] of Object.entries(from.http[kind])) {
      if (Object.hasOwn(into.http[kind], key)) continue
      Object.defineProperty(into.http[kind], key, { value, enumerable: true, configurable: true, writable: true })
    }
  if (!from.tls) return
  const { certificates = [], options = {}, stores = {} } = into.tls ?? {}
  into.tls = {
    certificates: [...certificates, ...(from.tls.certificates ?? [])],
    options: { ...from.tls.options, ...options },
    stores: { ...from.tls.stores, ...stores },
  }
}

async function filesIn(directory: string): Promise<string[]> {
  const found: string[] = []
  const walk = async (folder: string, depth: number): Promise<void> => {
    const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
      throw new TraefikConfigError(folder, [{ where: '', what: `cannot read the folder (${error.code})` }])
    })
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(folder, entry.name)
      const folderBehind = entry.isSymbolicLink() && (await stat(path).catch(() => undefined))?.isDirectory()
      if (entry.isDirectory() || folderBehind) {
        if (depth < 20) await walk(path, depth + 1)
      } else if (ENDINGS.has(extname(entry.name).toLowerCase()) && found.length < MAX_FILES) found.push(path)
    }
  }
  await walk(directory, 0)
  return found
}

export function watchFiles({ filename, directory }: FileSettings, changed: () => void): () => void {
  const fingerprint = async () => {
    const names = directory === '' ? [filename] : await filesIn(directory)
    const texts = await Promise.all(names.map((name) => readFile(name, 'utf8').catch(() => '')))
    return JSON.stringify([names, texts])
  }
  return watchFolders([directory === '' ? dirname(filename) : directory], fingerprint, changed)
}
