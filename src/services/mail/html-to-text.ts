// The text of an HTML mail: what upstream's parser puts in Text when a message has no text part (links as `text ( address )`), and the
// bare words for snippets and search. One pass over the characters, no backtracking: mails are anybody's input.

const NAMED: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  copy: '©',
  reg: '®',
  trade: '™',
  hellip: '…',
  mdash: '—',
  ndash: '–',
  lsquo: '‘',
  rsquo: '’',
  ldquo: '“',
  rdquo: '”',
  bull: '•',
  middot: '·',
  euro: '€',
  pound: '£',
  laquo: '«',
  raquo: '»',
  times: '×',
  zwnj: '',
  shy: '',
}
const SKIPPED = new Set(['style', 'script', 'head', 'title', 'template', 'noscript'])
const PARAGRAPHS = new Set(['p', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'blockquote', 'ul', 'ol', 'table', 'pre', 'hr'])
const LINES = new Set(['div', 'tr', 'br', 'li', 'section', 'article', 'header', 'footer', 'center', 'dt', 'dd', 'body', 'html'])

export function decodeEntities(value: string): string {
  return value.replace(/&(#x[0-9a-f]{1,6}|#\d{1,7}|[a-z]{2,8});/gi, (whole, name: string) => {
    if (name[0] !== '#') return NAMED[name.toLowerCase()] ?? whole
    const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1))
    return code > 0 && code <= 0x10_ff_ff && !(code >= 0xd8_00 && code <= 0xdf_ff) ? String.fromCodePoint(code) : whole
  })
}

/** One tag or run of text at a time. A `<` that opens no tag is text. */
function* tokens(html: string): Generator<{ readonly tag: string; readonly closes: boolean; readonly raw: string } | string> {
  let at = 0
  while (at < html.length) {
    const open = html.indexOf('<', at)
    if (open < 0) {
      yield html.slice(at)
      return
    }
    if (open > at) yield html.slice(at, open)
    if (html.startsWith('<!--', open)) {
      const end = html.indexOf('-->', open + 4)
      at = end < 0 ? html.length : end + 3
      continue
    }
    const name = /^<(\/?)([a-zA-Z][a-zA-Z0-9:-]{0,40})/.exec(html.slice(open, open + 48))
    if (!name) {
      if (/^<[!?]/.test(html.slice(open, open + 2))) {
        const end = html.indexOf('>', open)
        at = end < 0 ? html.length : end + 1
      } else {
        yield '<'
        at = open + 1
      }
      continue
    }
    const end = endOfTag(html, open)
    yield { tag: name[2]!.toLowerCase(), closes: name[1] === '/', raw: html.slice(open, end) }
    at = end
  }
}

/** Past the `>` that ends the tag; one inside quotes does not. */
function endOfTag(html: string, open: number): number {
  let quote = ''
  for (let at = open + 1; at < html.length; at++) {
    const char = html[at]!
    if (quote) {
      if (char === quote) quote = ''
    } else if ((char === '"' || char === "'") && html[at - 1] === '=') quote = char
    else if (char === '>') return at + 1
  }
  return html.length
}

function hrefOf(tag: string): string {
  const match = /\shref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))/i.exec(tag)
  return decodeEntities(match?.[1] ?? match?.[2] ?? match?.[3] ?? '').trim()
}

/** Pieces of text in order; a blank is written only when something follows it on its line. */
class Lines {
  readonly #pieces: string[] = []
  #blank = false
  /** Line ends after the last word. */
  #ends = 0

  get length(): number {
    return this.#pieces.length
  }
  words(text: string): void {
    const words = text.trim()
    if (words === '') {
      this.blank()
      return
    }
    if (this.#pieces.length > 0 && this.#ends === 0 && (this.#blank || /^\s/.test(text))) this.#pieces.push(' ')
    this.#pieces.push(words)
    this.#ends = 0
    this.#blank = /\s/.test(text.at(-1)!)
  }
  blank(): void {
    this.#blank = true
  }
  breakTo(ends: number): void {
    this.#blank = false
    if (this.#pieces.length === 0 || this.#ends >= ends) return
    this.#pieces.push('\n'.repeat(ends - this.#ends))
    this.#ends = ends
  }
  end(): void {
    this.breakTo(this.#ends + 1)
  }
  since(from: number): string {
    return this.#pieces.slice(from).join('').trim()
  }
}

/** Text with lines and links. */
export function htmlToText(html: string): string {
  const out = new Lines()
  let skip: string | undefined
  let link: { readonly href: string; readonly from: number } | undefined
  const endLink = (): void => {
    if (!link) return
    const { href, from } = link
    link = undefined
    const label = out.since(from)
    const address = href.replace(/^mailto:/i, '')
    if (address === '' || address.startsWith('#') || address === label) return
    out.words(label === '' ? address : ` ( ${address} )`)
  }
  for (const token of tokens(html)) {
    if (typeof token === 'string') {
      if (!skip) out.words(decodeEntities(token).replace(/[\s\uFEFF]+/g, ' '))
      continue
    }
    const { tag, closes } = token
    if (skip) {
      if (closes && tag === skip) skip = undefined
      continue
    }
    if (SKIPPED.has(tag) && !closes && !token.raw.endsWith('/>')) skip = tag
    else if (tag === 'a') {
      endLink()
      if (!closes) link = { href: hrefOf(token.raw), from: out.length }
    } else if (PARAGRAPHS.has(tag)) out.breakTo(2)
    else if (tag === 'br') out.end()
    else if (LINES.has(tag)) {
      out.breakTo(1)
      if (tag === 'li' && !closes) out.words('* ')
    } else if ((tag === 'td' || tag === 'th') && closes) out.blank()
  }
  endLink()
  return out.since(0)
}

/** The bare words, on one line. */
export function htmlToWords(html: string): string {
  let out = ''
  let skip: string | undefined
  for (const token of tokens(html)) {
    if (typeof token === 'string') {
      if (!skip) out += decodeEntities(token)
    } else if (skip) {
      if (token.closes && token.tag === skip) skip = undefined
    } else if (SKIPPED.has(token.tag) && !token.closes && !token.raw.endsWith('/>')) skip = token.tag
    else if (PARAGRAPHS.has(token.tag) || LINES.has(token.tag) || token.tag === 'td') out += ' '
  }
  return oneLine(out)
}

export function oneLine(value: string): string {
  return value.replace(/[\s\uFEFF]+/g, ' ').trim()
}
