// YAML and TOML to the tree that both are.
import { parse as parseToml } from 'smol-toml'
import { parseDocument } from 'yaml'
import { type Raw, TraefikConfigError } from './conform.ts'

// A few lines of aliases can stand for gigabytes.
const MAX_ALIASES = 1_000

/** By the ending of the name: TOML, or else YAML (of which JSON is a part). Throws TraefikConfigError. */
export function parseText(name: string, text: string): Raw {
  const refuse = (reason: string): never => {
    throw new TraefikConfigError(name, [{ where: '', what: reason }])
  }
  if (/\.toml$/i.test(name)) {
    try {
      return parseToml(text) as unknown as Raw
    } catch (error) {
      return refuse((error as Error).message.split('\n', 1)[0]!)
    }
  }
  const document = parseDocument(text, { prettyErrors: true, merge: true })
  const [error] = document.errors
  if (error) refuse(error.message.split('\n', 1)[0]!)
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES }) as Raw
  } catch (problem) {
    return refuse((problem as Error).message)
  }
}
