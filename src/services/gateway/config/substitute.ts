// `$NAME` in a declarative file: filled in from the environment as upstream's entrypoint does, but inside the parsed text, so that no
// value can break the file. A name that is not set stays as it is; a credential that would be empty, or is only such a name, goes.
import { type Document, isMap, isPair, isScalar, isSeq, parseDocument, Scalar, visit } from 'yaml'
import { expressionVariables } from './expression-variables.ts'

export type Variables = Readonly<Record<string, string | undefined>>

/** A text that is no YAML and no JSON. */
export class SyntaxProblem extends Error {}

/** The document with every variable filled in, and the names whose credentials were left out. Throws SyntaxProblem. */
export function readDocument(text: string, variables: Variables): { readonly value: unknown; readonly unset: readonly string[] } {
  const document = parseDocument(text, { uniqueKeys: true, merge: true, prettyErrors: true })
  const [error] = document.errors
  if (error) throw new SyntaxProblem(error.message)
  const known = { ...expressionVariables(variables), ...variables }
  const unset = dropCredentials(document, known)
  fill(document, known)
  return { value: document.toJS({ maxAliasCount: 1_000 }), unset }
}

const NAME = /\$([A-Za-z_][A-Za-z0-9_]*)/g
const WHOLE_NAME = /^\$([A-Za-z_][A-Za-z0-9_]*)$/

// What identifies somebody stays text, also when it looks like a number.
const TEXT_FIELDS = new Set(['key', 'username', 'password', 'secret', 'custom_id', 'group', 'name', 'tags', 'host'])

function fill(document: Document.Parsed, variables: Variables): void {
  visit(document, {
    Scalar(key, node, path) {
      if (typeof node.value !== 'string' || !node.value.includes('$')) return
      const whole = node.type === Scalar.PLAIN && WHOLE_NAME.test(node.value)
      const filled = node.value.replace(NAME, (written, name: string) => variables[name] ?? written)
      node.value = filled
      if (key === 'key' || !whole || TEXT_FIELDS.has(fieldName(path))) return
      if (/^-?\d{1,15}$/.test(filled)) (node as Scalar).value = Number(filled)
      else if (filled === 'true' || filled === 'false') (node as Scalar).value = filled === 'true'
    },
  })
}

function fieldName(path: readonly unknown[]): string {
  const pair = path.findLast((node) => isPair(node))
  return isPair(pair) && isScalar(pair.key) ? String(pair.key.value) : ''
}

/** Takes `- key: $NAME` out of lists of credentials where NAME is unset or empty: an unfilled name must never be a key. */
function dropCredentials(document: Document.Parsed, variables: Variables): string[] {
  const unset: string[] = []
  visit(document, {
    Pair(_, pair) {
      if (!isScalar(pair.key) || pair.key.value !== 'keyauth_credentials' || !isSeq(pair.value)) return
      pair.value.items = pair.value.items.filter((item) => {
        const key = isMap(item) ? item.get('key') : undefined
        if (key === null) return false
        const name = typeof key === 'string' ? WHOLE_NAME.exec(key)?.[1] : undefined
        if (name === undefined || variables[name]) return true
        unset.push(name)
        return false
      })
    },
  })
  return unset
}
