import { expect, test } from 'vitest'
import { columnOrigins } from './node-tree.ts'

const entry = (resno: number, name: string, table: number, column: number, junk = false, expr = '{VAR :varno 1}') =>
  `{TARGETENTRY :expr ${expr} :resno ${resno} :resname ${name} :ressortgroupref 0 :resorigtbl ${table} :resorigcol ${column} :resjunk ${junk}}`

test('only the outermost target list counts', () => {
  const inner = `{SUBLINK :subselect {QUERY :targetList (${entry(1, 'x', 99, 9)})}}`
  const tree = `({QUERY :commandType 1 :rtable ({RANGETBLENTRY :subquery {QUERY :targetList (${entry(1, 'y', 98, 8)})}}) :targetList (${entry(1, 'id', 16385, 1)} ${entry(2, 'made', 0, 0, false, inner)} ${entry(3, 'we\\ ird\\)', 16385, 3)} ${entry(4, 'order', 16385, 4, true)}) :override 0})`
  expect(columnOrigins(tree)).toEqual([
    { column: 1, relation: 16385, relationColumn: 1 },
    { column: 3, relation: 16385, relationColumn: 3 },
  ])
})

test('a quote in a name hides nothing', () => {
  const eref = '{ALIAS :aliasname we"ird\\{ :colnames ("id" "q"uote" "e\\ f\\}")}'
  const tree = `({QUERY :rtable ({RANGETBLENTRY :eref ${eref}}) :targetList (${entry(1, 'q"uote', 16385, 2)}) :override 0})`
  expect(columnOrigins(tree)).toEqual([{ column: 1, relation: 16385, relationColumn: 2 }])
})

test.each(['', '({QUERY', '}}}}', '"\\'])('%j gives nothing', (tree) => {
  expect(columnOrigins(tree)).toEqual([])
})
