import { expect, test } from 'vitest'
import { placeOf } from './placement.ts'

test.each([
  ['rest', {}, { at: 'here' }],
  ['rest', { PLINTH_PROCESSES: 'auth, rest' }, { at: 'process' }],
  ['rest', { PLINTH_PROCESSES: 'auth' }, { at: 'here' }],
  ['rest', { PLINTH_PROCESSES: 'all' }, { at: 'process' }],
  ['db', { PLINTH_PROCESSES: 'all', PLINTH_DB_URL: 'postgres://x' }, { at: 'here' }],
  ['rest', { PLINTH_REST_URL: 'http://10.0.0.5:3000', PLINTH_PROCESSES: 'rest' }, { at: 'address', url: 'http://10.0.0.5:3000' }],
  ['auth', { AUTH_URL: 'http://app.example' }, { at: 'here' }],
  ['rest', { PLINTH_REST_URL: '' }, { at: 'here' }],
])('%s with %j runs %j', (service, env, place) => {
  expect(placeOf(service, env)).toEqual(place)
})
