// Header conditions of routes: one of the values of each named header has to be in the list, letter case aside, or match the pattern.

export interface HeaderRule {
  /** Lower case. */
  readonly name: string
  readonly values: ReadonlySet<string>
  readonly pattern: RegExp | undefined
}

export function headersMatch(rules: readonly HeaderRule[], valuesOf: (key: string) => readonly string[]): boolean {
  return rules.every(({ name, values, pattern }) =>
    valuesOf(name).some((value) => (pattern ? pattern.test(value) : values.has(value.toLowerCase()))),
  )
}
