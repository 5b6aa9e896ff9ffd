import { expect, test } from 'vitest'
import { readEnv } from '../../env/read.ts'
import { gatewayEnv } from './env.ts'
import { gateway } from './index.ts'
import { ListenError, parseListen } from './listen.ts'

test.each([
  [
    '0.0.0.0:8000 reuseport backlog=16384, 0.0.0.0:8443 http2 ssl',
    [
      ['0.0.0.0', 8000, false, false],
      ['0.0.0.0', 8443, true, true],
    ],
  ],
  [
    '127.0.0.1:1, [::]:2 ssl',
    [
      ['127.0.0.1', 1, false, false],
      ['::', 2, true, false],
    ],
  ],
  ['off', []],
])('%s', (value, listeners) => {
  expect(parseListen('KONG_PROXY_LISTEN', value).map(({ host, port, tls, http2 }) => [host, port, tls, http2])).toEqual(listeners)
})

test.each(['8000', 'a:b', '127.0.0.1:99999', '127.0.0.1:1 proxy_protocol'])('%s is refused by the name of its variable', (value) => {
  expect(() => parseListen('KONG_STATUS_LISTEN', value)).toThrow(ListenError)
  expect(() => parseListen('KONG_STATUS_LISTEN', value)).toThrow(/^KONG_STATUS_LISTEN: /)
})

test('served alone it listens where the image does', () => {
  expect(gateway.listen(readEnv(gatewayEnv, { KONG_STATUS_LISTEN: '0.0.0.0:8100' }))).toEqual([
    { endpoint: 8000, host: '0.0.0.0', port: 8000 },
    { endpoint: 8443, host: '0.0.0.0', port: 8443 },
    { endpoint: 8100, host: '0.0.0.0', port: 8100 },
  ])
})

test.each([
  ['160k', 163_840],
  ['10M', 10_485_760],
  ['0', 0],
])('the size %s is %i bytes', (value, bytes) => {
  expect(readEnv(gatewayEnv, { KONG_CLIENT_MAX_BODY_SIZE: value }).KONG_CLIENT_MAX_BODY_SIZE).toBe(bytes)
})

test('variables that are not its own pass through, for the file to name', () => {
  expect(readEnv(gatewayEnv, { MY_HOST: 'x', EMPTY: '' })).toMatchObject({ MY_HOST: 'x', EMPTY: '' })
})
