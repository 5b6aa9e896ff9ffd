// The bootstrap's SQL files as blocks: a line `-- # title` begins one, and the title is what people read when it had to be left out.
import { readdir, readFile } from 'node:fs/promises'

export interface Block {
  readonly title: string
  readonly sql: string
}

export interface Step {
  /** The number in the file's name. A file that was released is never changed: a change is a new file. */
  readonly version: number
  readonly blocks: readonly Block[]
}

export async function readSteps(folder = new URL('./', import.meta.url)): Promise<Step[]> {
  const names = (await readdir(folder)).filter((name) => /^\d{4}-.*\.sql$/.test(name)).sort()
  return Promise.all(
    names.map(async (name) => ({ version: Number(name.slice(0, 4)), blocks: blocksOf(await readFile(new URL(name, folder), 'utf8')) })),
  )
}

export function blocksOf(text: string): Block[] {
  const [before, ...blocks] = text.split(/^-- # /m)
  if (before?.trim()) throw new Error('SQL before the first `-- # title`')
  return blocks.map((block) => {
    const end = block.indexOf('\n')
    return { title: block.slice(0, end).trim(), sql: block.slice(end + 1).trim() }
  })
}
