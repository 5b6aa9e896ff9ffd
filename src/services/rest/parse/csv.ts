// CSV bodies (RFC 4180, a header line first) to the JSON array that the database reads. An unquoted or quoted NULL is null.
import { RestError } from '../errors.ts'

const refuse = (words: string): never => {
  throw new RestError('PGRST102', { words })
}

/** Throws PGRST102. */
export function csvToJson(text: string): { json: string; keys: readonly string[] } {
  const [head, ...lines] = records(text)
  if (head === undefined) return refuse('Error in $: not enough input')
  const rows = lines.map((fields) => {
    if (fields.length !== head.length) refuse('All lines must have same number of fields')
    return Object.fromEntries(head.map((name, index) => [name, fields[index] === 'NULL' ? null : fields[index]]))
  })
  return { json: JSON.stringify(rows), keys: [...new Set(head)] }
}

function records(text: string): string[][] {
  const rows: string[][] = []
  let row: string[] = []
  let at = 0
  const end = text.length
  if (end === 0) return rows
  for (;;) {
    let value: string
    if (text[at] === '"') {
      value = ''
      at++
      for (;;) {
        const close = text.indexOf('"', at)
        if (close < 0) return refuse('parse error (not enough input)')
        value += text.slice(at, close)
        at = close + 1
        if (text[at] !== '"') break
        value += '"'
        at++
      }
      if (at < end && text[at] !== ',' && text[at] !== '\n' && text[at] !== '\r') return refuse('parse error (endOfInput)')
    } else {
      let close = at
      while (close < end && text[close] !== ',' && text[close] !== '\n' && text[close] !== '\r') close++
      value = text.slice(at, close)
      at = close
    }
    row.push(value)
    if (text[at] === ',') {
      at++
      continue
    }
    // Blank lines carry nothing.
    if (row.length > 1 || row[0] !== '') rows.push(row)
    row = []
    if (text[at] === '\r') at++
    if (text[at] === '\n') at++
    if (at >= end) return rows
  }
}
