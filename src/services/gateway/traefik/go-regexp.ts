// Go's regular expressions (RE2) as JavaScript's: what is spelled differently is translated, what does not exist there is refused.

/** A mistake in an expression, in Go's words as far as they carry over. */
export class GoRegExpError extends Error {}

const POSIX: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7f',
  blank: '\\t ',
  cntrl: '\\x00-\\x1f\\x7f',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
}

/** Throws GoRegExpError. Back references and look-around do not exist in Go and are refused. */
export function goRegExp(source: string, extraFlags = ''): RegExp {
  const fail = (reason: string): never => {
    throw new GoRegExpError(`error parsing regexp: ${reason}: \`${source}\``)
  }
  if (/\(\?<?[=!]/.test(source)) fail('invalid or unsupported Perl syntax')
  let flags = extraFlags
  let text = source
  const leading = /^\(\?([imsU]+)\)/.exec(text)
  if (leading) {
    if (leading[1]!.includes('U')) fail('invalid or unsupported Perl syntax')
    flags += leading[1]!
    text = text.slice(leading[0].length)
  }
  text = translate(text)
  try {
    return new RegExp(text, [...new Set(flags)].join(''))
  } catch (error) {
    return fail(reasonOf(source, error as Error))
  }
}

function translate(text: string): string {
  let out = ''
  let inClass = false
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!
    if (char === '\\') {
      const next = text[i + 1] ?? ''
      i++
      if (!inClass && next === 'A') out += '^(?<![\\s\\S])'
      else if (!inClass && next === 'z') out += '$(?![\\s\\S])'
      else if (!inClass && next === 'Q') {
        const end = text.indexOf('\\E', i + 1)
        const literal = text.slice(i + 1, end < 0 ? undefined : end)
        out += literal.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
        i = end < 0 ? text.length : end + 1
      } else out += `\\${next}`
      continue
    }
    if (inClass) {
      const posix = char === '[' ? /^\[:(\^?)([a-z]+):\]/.exec(text.slice(i)) : null
      if (posix && Object.hasOwn(POSIX, posix[2]!) && posix[1] === '') {
        out += POSIX[posix[2]!]
        i += posix[0].length - 1
        continue
      }
      if (char === ']') inClass = false
      out += char === '[' ? '\\[' : char
      continue
    }
    if (char === '[') {
      inClass = true
      out += '['
      if (text[i + 1] === '^') out += text[++i]!
      // In Go a bracket that comes first is a member of the class.
      if (text[i + 1] === ']') {
        out += '\\]'
        i++
      }
      continue
    }
    if (char === '(' && text.startsWith('(?P<', i)) {
      out += '(?<'
      i += 3
      continue
    }
    out += char
  }
  return out
}

function reasonOf(source: string, error: Error): string {
  if (/Unterminated group/i.test(error.message)) return 'missing closing )'
  if (/Unmatched '\)'/i.test(error.message)) return 'unexpected )'
  if (/character class/i.test(error.message)) return 'missing closing ]'
  if (/Nothing to repeat/i.test(error.message)) return 'missing argument to repetition operator'
  return error.message.replace(`Invalid regular expression: /${source}/`, '').replace(/^[a-z]*: /, '')
}

/** Go's template of a replacement (`$1`, `${name}`) with the groups of a match. */
export function expandGo(template: string, match: RegExpExecArray | readonly (string | undefined)[]): string {
  const groups = (match as RegExpExecArray).groups
  return template.replace(/\$(?:(\$)|\{(\w+)\}|(\w+))/g, (_, dollar: string | undefined, braced?: string, plain?: string) => {
    if (dollar) return '$'
    const name = (braced ?? plain)!
    if (/^\d+$/.test(name)) return match[Number(name)] ?? ''
    return (groups && Object.hasOwn(groups, name) ? groups[name] : undefined) ?? ''
  })
}

/** Go's ReplaceAllString. */
export function replaceAllGo(pattern: RegExp, text: string, template: string): string {
  const all = new RegExp(pattern.source, pattern.flags.includes('g') ? pattern.flags : `${pattern.flags}g`)
  let out = ''
  let last = 0
  for (const match of text.matchAll(all)) {
    out += text.slice(last, match.index) + expandGo(template, match)
    last = match.index + match[0].length
  }
  return out + text.slice(last)
}
