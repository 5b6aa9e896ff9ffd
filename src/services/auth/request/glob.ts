// Globs of the redirect allow-list: `*` any run without separator, `**` any run, `?` one that is no separator, `[a-z]`, `[!a-z]`, `{a,b}`.
// Separators are `.` and `/`, which file globs do not know; hence no library.

const SPECIAL = /[\\^$.*+?()[\]{}|/]/g
const escapeRegExp = (text: string): string => text.replace(SPECIAL, '\\$&')
const escapeMember = (text: string): string => escapeRegExp(text).replaceAll('-', '\\-')

/** Matches the whole text, case-sensitively. A pattern that is not closed matches its own text only. */
export function compileGlob(pattern: string): (text: string) => boolean {
  const source = translate(pattern)
  if (source === undefined) return (text) => text === pattern
  const regexp = new RegExp(`^(?:${source})$`, 'us')
  return (text) => regexp.test(text)
}

function translate(pattern: string): string | undefined {
  let out = ''
  let braces = 0
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i]!
    if (c === '\\') {
      i++
      if (i >= pattern.length) return undefined
      out += escapeRegExp(pattern[i]!)
    } else if (c === '*') {
      let stars = 1
      while (pattern[i + 1] === '*') {
        stars++
        i++
      }
      out += stars > 1 ? '.*' : '[^./]*'
    } else if (c === '?') out += '[^./]'
    else if (c === '[') {
      const end = pattern.indexOf(']', i + 1)
      const inner = end < 0 ? '' : pattern.slice(i + 1, end)
      const negated = inner.startsWith('!')
      const members = negated ? inner.slice(1) : inner
      const range = /^(.)-(.)$/u.exec(members)
      if (members === '' || (range && range[1]! > range[2]!)) return undefined
      out += `[${negated ? '^' : ''}${range ? `${escapeMember(range[1]!)}-${escapeMember(range[2]!)}` : escapeMember(members)}]`
      i = end
    } else if (c === '{') {
      braces++
      out += '(?:'
    } else if (c === '}' && braces > 0) {
      braces--
      out += ')'
    } else if (c === ',' && braces > 0) out += '|'
    else out += escapeRegExp(c)
  }
  return braces === 0 ? out : undefined
}
