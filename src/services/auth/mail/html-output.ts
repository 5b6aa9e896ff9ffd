// Where in a page a value lands decides how it is escaped: text, an attribute, a link before or after its `?`, a script, a style.
// What a person wrote about themselves must never become markup in the mail of another.
import { type Output, print } from './go-template.ts'

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
  '+': '&#43;',
  '\0': '\uFFFD',
}
const UNSAFE = /[&<>"'+\0]/g
export const escapeHtml = (text: string): string => text.replace(UNSAFE, (c) => ENTITIES[c]!)

const LINKS = new Set([
  'href',
  'src',
  'action',
  'formaction',
  'cite',
  'background',
  'poster',
  'longdesc',
  'usemap',
  'data',
  'manifest',
  'xlink:href',
])

type Place =
  | { readonly kind: 'text' | 'tag' | 'script' | 'style' | 'comment' }
  | { readonly kind: 'attribute'; readonly name: string; readonly quote: string; readonly before: string }

/** Collects a page. Literal text moves the place; values never do, for they cannot close what they are in. */
export class HtmlOutput implements Output {
  #html = ''
  #place: Place = { kind: 'text' }
  #tag = ''
  #rest = ''

  get html(): string {
    return this.#html
  }

  literal(text: string): void {
    this.#html += text
    this.#move(text)
  }

  value(value: unknown): void {
    this.#settle()
    const text = print(value)
    this.#html += this.#escape(text)
    if (this.#place.kind === 'attribute') this.#place = { ...this.#place, before: `${this.#place.before}x` }
  }

  /** `href=` without quote: the value itself is the attribute. */
  #settle(): void {
    const open = /([^\s"'<>/=]+)\s*=\s*$/.exec(this.#rest)
    if (this.#place.kind === 'tag' && open) this.#place = { kind: 'attribute', name: open[1]!.toLowerCase(), quote: '', before: '' }
  }

  #escape(text: string): string {
    const place = this.#place
    if (place.kind === 'text') return escapeHtml(text)
    if (place.kind === 'comment') return ''
    if (place.kind === 'script')
      return JSON.stringify(text).replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
    if (place.kind === 'style') return 'ZgotmplZ'
    if (place.kind !== 'attribute') return text.replace(/[^A-Za-z0-9-]/g, '')
    if (place.name.startsWith('on')) return escapeHtml(JSON.stringify(text))
    if (place.name === 'style') return 'ZgotmplZ'
    const escaped = escapeHtml(LINKS.has(place.name) ? escapeLink(text, place.before) : text)
    return place.quote === '' ? escaped.replace(/[\s`=]/g, (c) => `&#${c.charCodeAt(0)};`) : escaped
  }

  #move(text: string): void {
    let rest = this.#rest + text
    for (;;) {
      const place = this.#place
      if (place.kind === 'attribute') {
        const end = place.quote === '' ? /[\s>]/.exec(rest) : { index: rest.indexOf(place.quote) }
        if (!end || end.index < 0) {
          this.#place = { ...place, before: place.before + rest }
          this.#rest = ''
          return
        }
        rest = rest.slice(end.index + (place.quote === '' ? 0 : 1))
        this.#place = { kind: 'tag' }
      } else if (place.kind === 'tag') {
        const step = /^[^"'>]*?(?:([^\s"'<>/=]+)\s*=\s*(["'])|(>))/.exec(rest)
        if (!step) {
          // An attribute without quotes that is already complete in the text needs no place of its own.
          this.#rest = rest.slice(-200)
          return
        }
        rest = rest.slice(step[0].length)
        if (step[3]) this.#place = { kind: this.#tag === 'script' || this.#tag === 'style' ? this.#tag : 'text' }
        else this.#place = { kind: 'attribute', name: step[1]!.toLowerCase(), quote: step[2]!, before: '' }
      } else if (place.kind === 'text') {
        const step = /<(?:(!--)|\/?([A-Za-z][A-Za-z0-9]*))/.exec(rest)
        if (!step) {
          this.#rest = /<[!\-/A-Za-z0-9]*$/.exec(rest)?.[0] ?? ''
          return
        }
        rest = rest.slice(step.index + step[0].length)
        this.#tag = step[0].startsWith('</') ? '' : (step[2] ?? '').toLowerCase()
        this.#place = { kind: step[1] ? 'comment' : 'tag' }
      } else {
        const end = place.kind === 'comment' ? '-->' : `</${place.kind}`
        const at = rest.toLowerCase().indexOf(end)
        if (at < 0) {
          this.#rest = rest.slice(-end.length)
          return
        }
        rest = rest.slice(at + end.length)
        this.#tag = ''
        this.#place = { kind: place.kind === 'comment' ? 'text' : 'tag' }
      }
      this.#rest = ''
    }
  }
}

/** At the beginning of a link only harmless schemes; after a `?` or `#` everything that is not plain is encoded. */
function escapeLink(text: string, before: string): string {
  if (/[?#]/.test(before)) return encode(text, /[A-Za-z0-9\-._~]/)
  if (before === '' && /^[^/?#]*:/.test(text) && !/^(https?|mailto):/i.test(text)) return '#ZgotmplZ'
  return encode(text, /[A-Za-z0-9\-._~!#$&*+,/:;=?@[\]]/)
}

function encode(text: string, kept: RegExp): string {
  const normal = kept.source.includes('!')
  return text.replace(/[\s\S]/gu, (c, at: number) => {
    if (kept.test(c) || (normal && c === '%' && /^%[0-9a-f]{2}/i.test(text.slice(at)))) return c
    return [...Buffer.from(c)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
  })
}

/** Collects plain text: subjects. */
export class TextOutput implements Output {
  text = ''
  literal(text: string): void {
    this.text += text
  }
  value(value: unknown): void {
    this.text += print(value)
  }
}
