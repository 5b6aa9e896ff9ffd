// Rows of a query for people and for programs.

export interface ResultTable {
  readonly fields: readonly { readonly name: string; readonly typeId: number }[]
  /** Values as the server writes them. */
  readonly rows: readonly (readonly (string | null)[])[]
}

export function textTable({ fields, rows }: ResultTable): string {
  const cells = rows.map((row) => row.map((value) => (value === null ? 'NULL' : value.replaceAll('\n', '\\n'))))
  const widths = fields.map(({ name }, column) => Math.max(width(name), ...cells.map((row) => width(row[column]!))))
  const rule = (left: string, middle: string, right: string): string =>
    `${left}${widths.map((size) => '─'.repeat(size + 2)).join(middle)}${right}\n`
  const line = (row: readonly string[]): string =>
    `│${row.map((cell, column) => ` ${cell}${' '.repeat(widths[column]! - width(cell))} `).join('│')}│\n`
  return [
    rule('┌', '┬', '┐'),
    line(fields.map(({ name }) => name)),
    rule('├', '┼', '┤'),
    ...cells.map(line),
    rule('└', '┴', '┘'),
    `(${rows.length} row${rows.length === 1 ? '' : 's'})\n`,
  ].join('')
}

const width = (text: string): number => [...text].length

const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)

/** RFC 4180 with plain line ends; null is empty. */
export function csv({ fields, rows }: ResultTable): string {
  return [fields.map(({ name }) => name), ...rows].map((row) => `${row.map((value) => quoted(value ?? '')).join(',')}\n`).join('')
}

const BOOL = 16
const NUMBERS: ReadonlySet<number> = new Set([20, 21, 23, 26, 700, 701])
const JSON_TYPES: ReadonlySet<number> = new Set([114, 3802])

/** An array of objects. Numbers that JavaScript cannot hold exactly stay texts. */
export function jsonRows({ fields, rows }: ResultTable): string {
  const objects = rows.map((row) => Object.fromEntries(fields.map(({ name, typeId }, column) => [name, typedValue(row[column]!, typeId)])))
  return `${JSON.stringify(objects, null, 2)}\n`
}

function typedValue(value: string | null, typeId: number): unknown {
  if (value === null) return null
  if (typeId === BOOL) return value === 't'
  if (JSON_TYPES.has(typeId)) return JSON.parse(value)
  if (!NUMBERS.has(typeId)) return value
  const number = Number(value)
  return Number.isFinite(number) && (Math.abs(number) <= Number.MAX_SAFE_INTEGER || /[.e]/.test(value)) ? number : value
}
