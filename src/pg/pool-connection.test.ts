import { expect, test } from 'vitest'
import { pipelinedConnection } from './pool-connection.ts'

const URL_ = 'postgresql://auth:p%40ss@db.example:6000/main'

test.each([
  ['', 'disable'],
  ['?sslmode=disable', 'disable'],
  ['?sslmode=prefer', 'verify-full'],
  ['?sslmode=require', 'verify-full'],
  ['?sslmode=verify-ca&sslrootcert=/ca.pem', 'verify-full'],
  ['?sslmode=verify-full', 'verify-full'],
  ['?sslmode=no-verify', 'require'],
])('the certificate is demanded as by the pool: %j is %s', (query, sslmode) => {
  expect(pipelinedConnection(URL_ + query, 'plinth auth')).toMatchObject({
    hosts: [{ host: 'db.example', port: 6000 }],
    user: 'auth',
    password: 'p@ss',
    database: 'main',
    sslmode,
    parameters: { application_name: 'plinth auth', datestyle: 'ISO' },
  })
})

test.each([
  `${URL_}?sslmode=some-day`,
  `${URL_}?sslmode=require&uselibpqcompat=true`,
  `${URL_}?ssl=true`,
  'socket:/run/postgresql?db=main',
  'host=db.example user=auth',
])('%s is left to the pool', (text) => {
  expect(pipelinedConnection(text, 'plinth auth')).toBeUndefined()
})
