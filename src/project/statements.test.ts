import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { locateStatements, splitStatements, statementsOf } from './statements.ts'

describe('statementsOf()', () => {
  test.each<[string, string, string[]]>([
    ['nothing', '', []],
    ['only blanks and semicolons', ' ;\n;; \t;', []],
    ['two on one line', 'select 1; select 2', ['select 1', 'select 2']],
    ['blanks around and several semicolons', '\n select 1 ;;\n', ['select 1']],
    ['a text with a semicolon', "insert into t values ('a;b'); select 1", ["insert into t values ('a;b')", 'select 1']],
    ['a doubled quote', "select 'it''s; fine'; select 2", ["select 'it''s; fine'", 'select 2']],
    ['a backslash is no escape', "select '\\'; select 2", ["select '\\'", 'select 2']],
    ['a backslash is one in E texts', "select E'\\';'; select 2", ["select E'\\';'", 'select 2']],
    ['a name that ends with e before a text', "select * from tree'\\'; select 2", ["select * from tree'\\'", 'select 2']],
    ['a quoted name', 'create table "a;b" (n int); select 2', ['create table "a;b" (n int)', 'select 2']],
    ['dollar quotes', 'do $$ begin; end; $$; select 2', ['do $$ begin; end; $$', 'select 2']],
    ['dollar quotes with a tag', 'do $a$ x; $$ y; $b$ z; $a$; select 2', ['do $a$ x; $$ y; $b$ z; $a$', 'select 2']],
    ['no dollar quote: a digit begins the tag', 'select $1; select $2', ['select $1', 'select $2']],
    ['no dollar quote: within an identifier', 'select a$b$; select c$b$', ['select a$b$', 'select c$b$']],
    ['no dollar quote: a blank in the tag', 'select $a b$; select 2', ['select $a b$', 'select 2']],
    ['line comments keep their text', 'select 1; -- a; b\nselect 2 -- c; d', ['select 1', '-- a; b\nselect 2 -- c; d']],
    ['nested block comments', '/* a; /* b; */ c; */ select 1; select 2', ['/* a; /* b; */ c; */ select 1', 'select 2']],
    ['a lone slash or minus', 'select 4/2-1; select 2', ['select 4/2-1', 'select 2']],
    ['a slash and a star that touch', 'select 1 /*/;*/ ; select 2', ['select 1 /*/;*/', 'select 2']],
    [
      'a rule with several commands',
      'create rule r as on insert to t do also (delete from a; delete from b); select 2',
      ['create rule r as on insert to t do also (delete from a; delete from b)', 'select 2'],
    ],
    ['a stray closing parenthesis', 'select 1); select 2', ['select 1)', 'select 2']],
    [
      'begin atomic',
      'create function f() returns int begin atomic; select 1; select 2; end; select 3',
      ['create function f() returns int begin atomic; select 1; select 2; end', 'select 3'],
    ],
    [
      'begin atomic over lines, in capitals, with a case',
      'create function f() BEGIN\n  ATOMIC select case when a then 1 else 2 end; select 2; END;\nselect 3;',
      ['create function f() BEGIN\n  ATOMIC select case when a then 1 else 2 end; select 2; END', 'select 3'],
    ],
    ['atomic within a name', 'create table my_atomic_fn (n int); select 2', ['create table my_atomic_fn (n int)', 'select 2']],
    ['atomic as a column', 'select a.atomic from a; select 2', ['select a.atomic from a', 'select 2']],
    ['begin and atomic as separate names', 'select begin, atomic from a; select 2', ['select begin, atomic from a', 'select 2']],
    ['a plain transaction', 'begin; insert into t values (1); commit;', ['begin', 'insert into t values (1)', 'commit']],
    ['end in begin atomic within a longer word', 'begin atomic; select endless; end; x', ['begin atomic; select endless; end', 'x']],
    ['an open text', "select 'a; b", ["select 'a; b"]],
    ['an open comment', 'select 1; /* a; b', ['select 1', '/* a; b']],
    ['an open dollar quote', 'do $x$ a; b', ['do $x$ a; b']],
    ['windows lines', 'select 1;\r\nselect 2;\r\n', ['select 1', 'select 2']],
    ['other scripts', "select 'ü;ß' as größe; select '🎈;'", ["select 'ü;ß' as größe", "select '🎈;'"]],
    ['a byte order mark', '\uFEFFselect 1;', ['select 1']],
  ])('%s', (_, sql, expected) => {
    expect(statementsOf(sql)).toEqual(expected)
  })
})

describe('splitStatements()', () => {
  const fragment = fc.constantFrom(
    ...['select 1', ';', "'", '"', '$$', '$a$', '--', '\n', '/*', '*/', '(', ')', 'begin atomic', 'end', 'case', 'E', '\\', ' ', 'é', '🎈'],
  )
  test('put together, the pieces are the text', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fragment, fc.string({ unit: 'binary' })), { maxLength: 60 }), (parts) => {
        const sql = parts.join('')
        expect(splitStatements(sql).join('')).toBe(sql)
      }),
    )
  })
  test('statements that end outside of everything are found again', () => {
    const whole = fc.constantFrom(
      'select 1',
      "select 'a;''b'",
      'do $x$ ;; $x$',
      'select (1; 2)',
      '/* ; */ select 1',
      'begin atomic; select case when 1 end; end',
    )
    fc.assert(
      fc.property(fc.array(whole), (statements) => {
        expect(statementsOf(statements.map((statement) => `${statement};\n`).join(''))).toEqual(statements)
      }),
    )
  })
  test('a large file takes a moment only', () => {
    const sql = `${"insert into t values ('x;y', $$ ; $$); -- ;\n".repeat(40_000)}$a$${'$'.repeat(50_000)}`
    const before = performance.now()
    expect(splitStatements(sql).length).toBe(40_001)
    expect(performance.now() - before).toBeLessThan(3_000)
  })
})

test('locateStatements() gives the line on which a statement begins, comments before it counted in', () => {
  expect(locateStatements('select 1;\n\n select 2; select 3;\n-- note\nselect 4')).toEqual([
    { text: 'select 1', line: 1 },
    { text: 'select 2', line: 3 },
    { text: 'select 3', line: 3 },
    { text: '-- note\nselect 4', line: 4 },
  ])
})
