// What the pages name exists: commands with their flags, files that links lead to, variables.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { parseInvocation } from '../../src/cli/command.ts'
import { findCommand } from '../../src/cli/main.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const pages = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).flatMap((name) =>
    name.endsWith('.md') ? [join('docs', name)] : [],
  ),
]
const textOf = (page: string): string => readFileSync(join(root, page), 'utf8')

/** Command lines on a page: in code spans, in indented and in fenced blocks. Words in capitals stand for something. */
function commandLines(text: string): string[] {
  const lines = text.split('\n').flatMap((line) => {
    const indented = /^(?: {4}|\s*\| |)(?:\$ )?(?:[A-Z_]+=\S+ )*((?:plinth|supabase) .*)$/.exec(line)?.[1]
    const spans = [...line.matchAll(/`((?:plinth|supabase) [^`]*)`/g)].map((match) => match[1]!)
    const run = [...line.matchAll(/npm run (?:--silent )?plinth -- ([^`)]+)/g)].map(
      (match) => `plinth ${match[1]!.replace(/"\$\w+"/g, 'VALUE').replaceAll('"', '')}`,
    )
    return [...(indented && !line.includes('`') ? [indented] : []), ...spans, ...run]
  })
  return lines.map((line) =>
    line
      .split(/ [#>]|\$\(|, /)[0]!
      .trim()
      .replace(/\s+/g, ' '),
  )
}
const named = pages
  .filter((page) => !page.includes('decisions') && !page.includes('reference'))
  .flatMap((page) => commandLines(textOf(page)).map((line) => [page, line] as const))
  .filter(([, line]) => !/ (COMMAND|--help)/.test(line))

test('there are commands to look at', () => {
  expect(named.length).toBeGreaterThan(20)
})

test.each(named)('%s: %s', async (_page, line) => {
  const found = findCommand(line.split(' ').slice(1))
  expect(found, 'no such command').toBeDefined()
  const command = await found!.entry.load()
  parseInvocation(command, found!.rest, {})
})

const links = pages.flatMap((page) =>
  [...textOf(page).matchAll(/\]\(([^)\s]+)\)/g)].flatMap((match) => (/^[a-z]+:|^#/.test(match[1]!) ? [] : [[page, match[1]!] as const])),
)
test.each(links)('%s links to %s', (page, target) => {
  expect(existsSync(join(root, dirname(page), target.split('#')[0]!))).toBe(true)
})

test('every dependency has a page that says why', () => {
  const { dependencies, devDependencies } = JSON.parse(textOf('package.json')) as Record<string, Record<string, string>>
  const decisions = readdirSync(join(root, 'docs/decisions')).map((name) => readFileSync(join(root, 'docs/decisions', name), 'utf8'))
  const unexplained = [...Object.keys(dependencies!), ...Object.keys(devDependencies!)].filter(
    (name) => !name.startsWith('@types/') && !decisions.some((text) => text.toLowerCase().includes(name)),
  )
  expect(unexplained).toEqual([])
})

test('numbers of decisions do not repeat', () => {
  const numbers = readdirSync(join(root, 'docs/decisions')).map((name) => name.slice(0, 4))
  expect(new Set(numbers).size).toBe(numbers.length)
})
