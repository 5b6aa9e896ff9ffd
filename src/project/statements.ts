// Splits a file of SQL into its statements, by the rules of Postgres's own lexer: a semicolon ends a statement unless it stands in a
// quoted text, a dollar-quoted text, a comment, parentheses or the body of a function (BEGIN ATOMIC ... END).

/** The file in pieces, each up to and with its semicolon; put together they are the file. */
export function splitStatements(sql: string): string[] {
  const pieces: string[] = []
  let start = 0
  let parentheses = 0
  /** Open `BEGIN ATOMIC` and `CASE`, which end with `END`. */
  const blocks: ('atomic' | 'case')[] = []
  let previousWord = ''
  for (let index = 0; index < sql.length; ) {
    const char = sql[index]!
    const next = skipOpaque(sql, index)
    if (next !== undefined) {
      index = next
      continue
    }
    if (isWordStart(char)) {
      const end = wordEnd(sql, index)
      const word = sql.slice(index, end).toLowerCase()
      if (word === 'atomic' && previousWord === 'begin') blocks.push('atomic')
      else if (blocks.length > 0 && word === 'case') blocks.push('case')
      else if (blocks.length > 0 && word === 'end') blocks.pop()
      previousWord = word
      index = end
      continue
    }
    index++
    if (/\s/.test(char)) continue
    previousWord = ''
    if (char === '(') parentheses++
    else if (char === ')') parentheses = Math.max(0, parentheses - 1)
    else if (char === ';' && parentheses === 0 && blocks.length === 0) {
      pieces.push(sql.slice(start, index))
      start = index
    }
  }
  if (start < sql.length) pieces.push(sql.slice(start))
  return pieces
}

export interface Statement {
  readonly text: string
  /** Where it begins in the file, from 1. */
  readonly line: number
}

/** The statements as they are sent and recorded: without final semicolons and blanks around, empty ones left out. */
export function locateStatements(sql: string): Statement[] {
  const statements: Statement[] = []
  let line = 1
  for (const piece of splitStatements(sql.replace(/^\uFEFF/, ''))) {
    const text = piece.replace(/;+$/, '').trim()
    const before = piece.length - piece.trimStart().length
    if (text !== '') statements.push({ text, line: line + newlines(piece.slice(0, before)) })
    line += newlines(piece)
  }
  return statements
}

export const statementsOf = (sql: string): string[] => locateStatements(sql).map(({ text }) => text)

function newlines(text: string): number {
  let count = 0
  for (let index = text.indexOf('\n'); index !== -1; index = text.indexOf('\n', index + 1)) count++
  return count
}

/** The end of the quoted text or comment that begins here; undefined when none does. */
function skipOpaque(sql: string, index: number): number | undefined {
  const char = sql[index]
  if (char === "'") return quotedEnd(sql, index, "'", isEscapeString(sql, index))
  if (char === '"') return quotedEnd(sql, index, '"', false)
  if (char === '-' && sql[index + 1] === '-') {
    const end = sql.indexOf('\n', index)
    return end === -1 ? sql.length : end + 1
  }
  if (char === '/' && sql[index + 1] === '*') return blockCommentEnd(sql, index)
  return char === '$' ? dollarQuotedEnd(sql, index) : undefined
}

// Only E'...' knows backslashes: '\' is a complete text.
function isEscapeString(sql: string, quote: number): boolean {
  return /[eE]/.test(sql[quote - 1] ?? '') && !isWordPart(sql[quote - 2] ?? ' ')
}

function quotedEnd(sql: string, from: number, quote: string, backslashes: boolean): number {
  for (let index = from + 1; index < sql.length; index++) {
    const char = sql[index]
    if (backslashes && char === '\\') index++
    else if (char === quote) {
      if (sql[index + 1] !== quote) return index + 1
      index++
    }
  }
  return sql.length
}

function blockCommentEnd(sql: string, from: number): number {
  let depth = 0
  for (let index = from; index < sql.length; index++) {
    const pair = sql.slice(index, index + 2)
    if (pair === '/*') depth++
    else if (pair === '*/') depth--
    else continue
    index++
    if (depth === 0) return index + 1
  }
  return sql.length
}

function dollarQuotedEnd(sql: string, from: number): number | undefined {
  // `a$1$b` is an identifier, `$1` a parameter.
  if (isWordPart(sql[from - 1] ?? ' ')) return undefined
  const tag = /^\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/.exec(sql.slice(from, from + 130))?.[0]
  if (tag === undefined) return undefined
  const end = sql.indexOf(tag, from + tag.length)
  return end === -1 ? sql.length : end + tag.length
}

const isWordStart = (char: string): boolean => /[A-Za-z_\u0080-\uffff]/.test(char)
const isWordPart = (char: string): boolean => /[A-Za-z0-9_$\u0080-\uffff]/.test(char)

function wordEnd(sql: string, from: number): number {
  let index = from + 1
  // The E of an escape string belongs to the text that follows it.
  while (index < sql.length && isWordPart(sql[index]!)) index++
  return index
}
