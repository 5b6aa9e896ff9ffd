// Changes the text of an environment file in place: what is not asked for keeps its bytes, its comments and its order.
import { formatDotenvValue, parseDotenv } from './dotenv.ts'

export interface DotenvSection {
  /** The comment above the lines, when they are appended. */
  readonly title: string
  readonly values: Readonly<Record<string, string>>
}

/**
 * Gives each variable its value: where the file has a line for it, there (the last one, as it is the one that counts); else in a
 * section at the end.
 */
export function editDotenv(text: string, file: string, sections: readonly DotenvSection[]): string {
  const { entries } = parseDotenv(text, { file, interpolate: false })
  const newline = text.includes('\r\n') ? '\r\n' : '\n'
  const edits: { start: number; end: number; line: string }[] = []
  const blocks: string[] = []
  for (const { title, values } of sections) {
    const lines: string[] = []
    for (const [name, value] of Object.entries(values)) {
      const line = `${name}=${formatDotenvValue(value)}`
      const entry = entries.findLast((candidate) => candidate.name === name)
      if (!entry) lines.push(line)
      else edits.push({ start: entry.start, end: entry.end, line: /^export\s/.test(text.slice(entry.start)) ? `export ${line}` : line })
    }
    if (lines.length > 0) blocks.push([`# ${title}`, ...lines, ''].join(newline))
  }
  let out = text
  for (const { start, end, line } of edits.sort((a, b) => b.start - a.start)) {
    // A comment that follows at once was kept apart from an empty value by its blank alone.
    const glue = out[end] === '#' ? ' ' : ''
    out = out.slice(0, start) + line + glue + out.slice(end)
  }
  if (blocks.length === 0) return out
  const gap = out === '' ? '' : out.endsWith('\n') ? newline : newline + newline
  return out + gap + blocks.join(newline)
}
