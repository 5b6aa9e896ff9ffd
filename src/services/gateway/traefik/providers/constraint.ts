// Which compose services count: ``Label(`key`, `value`) && !LabelRegex(`key`, `pattern`)``.
import { goRegExp } from '../go-regexp.ts'
import { parseRule, type Rule, RuleError } from '../rules/parse.ts'

const MATCHERS = new Set(['Label', 'LabelRegex'])

/** Throws RuleError. */
export function constraint(text: string): (labels: ReadonlyMap<string, string>) => boolean {
  if (text.trim() === '') return () => true
  return build(parseRule(text, MATCHERS))
}

function build(rule: Rule): (labels: ReadonlyMap<string, string>) => boolean {
  if (rule.kind !== 'matcher') {
    const [left, right] = [build(rule.left), build(rule.right)]
    return rule.kind === 'and' ? (labels) => left(labels) && right(labels) : (labels) => left(labels) || right(labels)
  }
  const { name, values, not } = rule
  if (values.length !== 2) throw new RuleError(`${name} takes a label and a value`)
  const [key, value] = values as [string, string]
  const pattern = name === 'LabelRegex' ? goRegExp(value) : undefined
  return (labels) => {
    const found = labels.get(key)
    return (found !== undefined && (pattern ? pattern.test(found) : found === value)) !== not
  }
}
