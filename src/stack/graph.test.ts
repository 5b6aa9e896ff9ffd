import { expect, test } from 'vitest'
import { dependentsOf, type GraphNode, levelsOf } from './graph.ts'

const node = (name: string, ...needs: string[]): GraphNode => ({ name, needs: Object.fromEntries(needs.map((need) => [need, 'healthy'])) })
const names = (levels: GraphNode[][]) => levels.map((level) => level.map(({ name }) => name))

test.each<[GraphNode[], string[][]]>([
  [[], []],
  [[node('db')], [['db']]],
  [
    [node('rest', 'db'), node('auth', 'db'), node('db'), node('gateway')],
    [
      ['db', 'gateway'],
      ['rest', 'auth'],
    ],
  ],
  [
    [node('storage', 'db', 'rest'), node('rest', 'db'), node('db')],
    [['db'], ['rest'], ['storage']],
  ],
])('levels of %j', (nodes, expected) => {
  expect(names(levelsOf(nodes))).toEqual(expected)
})

test.each<[GraphNode[], RegExp]>([
  [[node('rest', 'bd')], /rest needs bd, which is not a service/],
  [[node('a', 'b'), node('b', 'a')], /circle: a -> b -> a/],
  [[node('db'), node('x', 'db', 'z'), node('y', 'x'), node('z', 'y')], /circle: x -> z -> y -> x/],
  [[node('self', 'self')], /circle: self -> self/],
  [[node('db'), node('db')], /db is declared twice/],
])('%j is refused', (nodes, message) => {
  expect(() => levelsOf(nodes)).toThrow(message)
})

test('all faults are named at once', () => {
  expect(() => levelsOf([node('a', 'nobody'), node('b', 'c'), node('c', 'b')])).toThrow(/nobody[\s\S]*circle/)
})

test('dependents are found through others', () => {
  const nodes = [node('db'), node('rest', 'db'), node('storage', 'rest'), node('mail')]
  expect(dependentsOf(nodes, 'db').map(({ name }) => name)).toEqual(['rest', 'storage'])
})
