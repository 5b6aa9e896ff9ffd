import { expect, test } from 'vitest'
import { parseConnection } from './connection-options.ts'

test.each([
  // text                                                     host            port   user        password     database
  ['postgresql://', 'localhost', 5432, 'postgres', undefined, 'postgres'],
  ['postgres://ann@db', 'db', 5432, 'ann', undefined, 'ann'],
  ['postgresql://ann:p%40ss%2Fw@db:6543/app', 'db', 6543, 'ann', 'p@ss/w', 'app'],
  ['postgresql://ann@/app?host=/var/run/pg&port=6000', '/var/run/pg', 6000, 'ann', undefined, 'app'],
  ['postgresql://ann@%2Fvar%2Frun/app', '/var/run', 5432, 'ann', undefined, 'app'],
  ['postgresql://[::1]:5433/app', '::1', 5433, 'postgres', undefined, 'app'],
  ["host=db port=1 user=ann password='a b\\'c' dbname=x", 'db', 1, 'ann', "a b'c", 'x'],
])('%s', (text, host, port, user, password, database) => {
  const options = parseConnection(text)
  expect(options).toMatchObject({ hosts: [{ host, port }], user, password, database, sslmode: 'prefer' })
})

test('several hosts keep their ports', () => {
  expect(parseConnection('postgresql://a:1,b,c:3/x').hosts).toEqual([
    { host: 'a', port: 1 },
    { host: 'b', port: 5432 },
    { host: 'c', port: 3 },
  ])
})

test('PG* variables fill what the text leaves open', () => {
  const options = parseConnection('postgresql://db/', {
    PGUSER: 'ann',
    PGPASSWORD: 's',
    PGDATABASE: 'app',
    PGSSLMODE: 'require',
    PGTZ: 'utc',
    PGHOST: 'no',
  })
  expect(options).toMatchObject({
    hosts: [{ host: 'db', port: 5432 }],
    user: 'ann',
    password: 's',
    database: 'app',
    sslmode: 'require',
    parameters: { timezone: 'utc' },
  })
})

test.each(['postgresql://a:b:c', 'nonsense', 'postgresql://h?sslmode=maybe', 'host=x port=99999', 'postgresql://%zz@h'])(
  '%s is refused',
  (text) => {
    expect(() => parseConnection(text)).toThrow(TypeError)
  },
)
