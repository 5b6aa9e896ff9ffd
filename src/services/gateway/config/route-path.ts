// Paths of routes: which are regular expressions depends on the version of the file's format.
import { normalisePath } from '../path.ts'
import type { PathPattern } from '../router/router.ts'

/** A path that no route can have: the message is Kong's. */
export class PathError extends Error {}

export type FormatVersion = '1.1' | '2.1' | '3.0'

const PLAIN = /^[A-Za-z0-9.\-_~/%]*$/

/** Before 3.0 every character outside a plain path makes it a regular expression; from 3.0 on a leading `~` does. Throws PathError. */
export function parsePath(path: string, version: FormatVersion): PathPattern {
  const marked = path.startsWith('~')
  if (!path.startsWith('/') && !marked) throw new PathError('should start with: /')
  if (marked && !path.startsWith('~/')) throw new PathError('should start with: /')
  if (path.includes('//')) throw new PathError('must not have empty segments')
  if (version === '3.0' ? marked : !PLAIN.test(path)) {
    const source = marked ? path.slice(1) : path
    return { kind: 'regex', regex: toRegExp(source), source }
  }
  const bad = /%(?![0-9a-fA-F]{2}).{0,2}/.exec(path)
  if (bad) throw new PathError(`invalid url-encoded value: '${bad[0]}'`)
  return { kind: 'prefix', prefix: normalisePath(path) }
}

/** PCRE's spelling to JavaScript's, as far as they differ in what paths use. */
function toRegExp(source: string): RegExp {
  let flags = 'y'
  let pattern = source.replace(/\(\?P</g, '(?<')
  if (pattern.startsWith('(?i)')) {
    pattern = pattern.slice(4)
    flags += 'i'
  }
  try {
    return new RegExp(pattern.replace(/\\z|\\Z/g, '$').replace(/\\A/g, '^'), flags)
  } catch (error) {
    const reason = (error as Error).message.replace(/^Invalid regular expression: /, '')
    throw new PathError(`invalid regex: '${source}' (PCRE returned: ${reason})`)
  }
}
