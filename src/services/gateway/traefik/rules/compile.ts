// A rule's text to what tells whether a request matches, and to what a request must have at least: the router's index.
import { GoRegExpError } from '../go-regexp.ts'
import { type Matcher, type Matches, matchersV3 } from './matchers.ts'
import { matchersV2 } from './matchers-v2.ts'
import { parseRule, type Rule, RuleError } from './parse.ts'

export type RuleSyntax = 'v2' | 'v3'

export interface CompiledRule {
  readonly matches: Matches
  /** Hosts of which the request must have one (lower case), where the rule says so by plain names. */
  readonly hosts: readonly string[] | undefined
  /** Prefixes of which the path must have one. */
  readonly prefixes: readonly string[] | undefined
}

const SYNTAXES: Readonly<Record<RuleSyntax, ReadonlyMap<string, Matcher>>> = { v2: matchersV2, v3: matchersV3 }

/** Throws RuleError in Traefik's words. */
export function compileRule(text: string, syntax: RuleSyntax): CompiledRule {
  const matchers = SYNTAXES[syntax]
  try {
    const rule = parsed(text, matchers)
    return {
      matches: build(rule, matchers),
      hosts: demanded(rule, (leaf) => hostsOf(leaf)),
      prefixes: demanded(rule, (leaf) => prefixesOf(leaf)),
    }
  } catch (error) {
    if (error instanceof RuleError || error instanceof GoRegExpError)
      throw new RuleError(`error while parsing rule ${text}: ${error.message}`)
    throw error
  }
}

function parsed(text: string, matchers: ReadonlyMap<string, Matcher>): Rule {
  try {
    return parseRule(text, new Set(matchers.keys()))
  } catch (error) {
    if (error instanceof RuleError) throw new RuleError(`parsing rule ${text}: ${error.message}`)
    throw error
  }
}

function build(rule: Rule, matchers: ReadonlyMap<string, Matcher>): Matches {
  if (rule.kind !== 'matcher') {
    const left = build(rule.left, matchers)
    const right = build(rule.right, matchers)
    return rule.kind === 'and' ? (asked) => left(asked) && right(asked) : (asked) => left(asked) || right(asked)
  }
  const matcher = matchers.get(rule.name)!
  if (matcher.counts !== 'any' && !matcher.counts.includes(rule.values.length))
    throw new RuleError(
      `error while adding rule ${rule.name}: unexpected number of parameters; got ${rule.values.length}, expected one of [${matcher.counts.join(' ')}]`,
    )
  const test = named(rule.name, () => matcher.build(...rule.values))
  return rule.not ? (asked) => !test(asked) : test
}

function named(name: string, make: () => Matches): Matches {
  try {
    return make()
  } catch (error) {
    if (error instanceof RuleError || error instanceof GoRegExpError)
      throw new RuleError(`error while adding rule ${name}: ${error.message}`)
    throw error
  }
}

type Leaf = Extract<Rule, { kind: 'matcher' }>

/** What every request that matches must have one of; undefined when the rule does not say. */
function demanded(rule: Rule, of: (leaf: Leaf) => readonly string[] | undefined): readonly string[] | undefined {
  if (rule.kind === 'matcher') return rule.not ? undefined : of(rule)
  const left = demanded(rule.left, of)
  const right = demanded(rule.right, of)
  if (rule.kind === 'and') return left && right ? (left.length <= right.length ? left : right) : (left ?? right)
  return left && right ? [...left, ...right] : undefined
}

function hostsOf({ name, values }: Leaf): readonly string[] | undefined {
  if (name !== 'Host' && name !== 'HostHeader') return undefined
  // Wildcards and final dots are left to the matcher.
  if (values.some((value) => value.includes('*') || value.endsWith('.'))) return undefined
  return values.map((value) => value.toLowerCase())
}

function prefixesOf({ name, values }: Leaf): readonly string[] | undefined {
  if ((name !== 'Path' && name !== 'PathPrefix') || values.some((value) => value.includes('{'))) return undefined
  return values
}

/** The plain names that a rule mentions: what a certificate for its router is for. */
export function hostsOfRule(text: string): string[] {
  let rule: Rule
  try {
    rule = parseRule(text, new Set([...matchersV3.keys(), ...matchersV2.keys()]))
  } catch {
    // A rule with a mistake has no router that would need a certificate.
    return []
  }
  const found = new Set<string>()
  const walk = (node: Rule): void => {
    if (node.kind !== 'matcher') {
      walk(node.left)
      walk(node.right)
    } else if (node.name === 'Host' && !node.not) for (const value of node.values) found.add(value.toLowerCase().replace(/\.$/, ''))
  }
  walk(rule)
  return [...found].filter((host) => host !== '*')
}
