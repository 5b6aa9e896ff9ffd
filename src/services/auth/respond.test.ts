import { expect, test } from 'vitest'
import { silentLog } from '../../log/log.ts'
import { AuthError, errors, OAuthError, WeakPasswordError } from './errors.ts'
import { redirectError } from './redirect-error.ts'
import { refuse } from './respond.ts'

const raised = (code: string, more = {}) => Object.assign(new Error('raised words'), { code, severity: 'ERROR', ...more })
const answer = (error: unknown, version?: string) => refuse(error, { id: 'req-1', version }, silentLog)

test.each([
  [
    'an ordinary error',
    errors.invalidLogin(),
    { code: 400, error_code: 'invalid_credentials', msg: 'Invalid login credentials' },
    { code: 'invalid_credentials', message: 'Invalid login credentials' },
  ],
  [
    'a failure',
    errors.failure('Database error'),
    { code: 500, error_code: 'unexpected_failure', msg: 'Database error', error_id: 'req-1' },
    { code: 'unexpected_failure', message: 'Database error' },
  ],
  [
    'a hook’s own error',
    new AuthError(418, undefined, 'no'),
    { code: 418, error_code: 'unknown', msg: 'no' },
    { code: 'unknown', message: 'no' },
  ],
  [
    'a hook’s own failure',
    new AuthError(500, undefined, 'no'),
    { code: 500, error_code: 'unexpected_failure', msg: 'no', error_id: 'req-1' },
    { code: 'unexpected_failure', message: 'no' },
  ],
  [
    'a weak password',
    new WeakPasswordError('weak', ['length']),
    { code: 422, error_code: 'weak_password', msg: 'weak', weak_password: { reasons: ['length'] } },
    { code: 'weak_password', message: 'weak', weak_password: { reasons: ['length'] } },
  ],
  [
    'an OAuth error',
    new OAuthError('invalid request', 'id_token required'),
    { error: 'invalid request', error_description: 'id_token required' },
    { error: 'invalid request', error_description: 'id_token required' },
  ],
  [
    'anything else',
    new TypeError('secret words'),
    { code: 500, error_code: 'unexpected_failure', msg: 'Unexpected failure, please check server logs for more information' },
    { code: 'unexpected_failure', message: 'Unexpected failure, please check server logs for more information' },
  ],
])('%s in both API versions', (_name, error, initial, newer) => {
  expect(answer(error).json).toEqual(initial)
  expect(answer(error, '2024-01-01').json).toEqual(newer)
  expect(answer(error, '2024-01-01').headers?.['x-supabase-api-version']).toBe('2024-01-01')
})

test('the error code is a header, but for a weak password of the newer version and for errors without code', () => {
  expect(answer(errors.notAdmin()).headers).toEqual({ 'x-sb-error-code': 'not_admin' })
  expect(answer(new WeakPasswordError('w', [])).headers?.['x-sb-error-code']).toBe('weak_password')
  expect(answer(new WeakPasswordError('w', []), '2024-01-01').headers?.['x-sb-error-code']).toBeUndefined()
  expect(answer(new AuthError(418, undefined, 'no')).headers).toEqual({})
})

test.each([
  ['P0001', 500],
  ['23505', 500],
  ['PT403', 403],
])('the operator’s own SQL error %s speaks to the initial version with status %d', (code, status) => {
  const error = errors.failure('Database error saving new user', new Error('wrapped', { cause: raised(code, { hint: 'h' }) }))
  expect(answer(error)).toMatchObject({ status, json: { code, message: 'raised words', hint: 'h' } })
  expect(answer(error, '2024-01-01')).toMatchObject({
    status: 500,
    json: { code: 'unexpected_failure', message: 'Database error saving new user' },
  })
})
test('other SQL errors say nothing', () => {
  expect(answer(errors.failure('Database error', raised('42703'))).json).toMatchObject({ msg: 'Database error' })
})

test('redirects carry errors in the fragment, encoded once more, and for PKCE in the query', () => {
  const options = { target: 'https://app.example/x?a=1', inQuery: false, id: 'r' }
  expect(redirectError(errors.linkExpired(), options, silentLog)).toBe(
    'https://app.example/x?a=1#error=access_denied&error_code=otp_expired&error_description=Email+link+is+invalid+or+has+expired&sb=',
  )
  const both = new URL(redirectError(errors.failure('a: b', raised('P0001')), { ...options, inQuery: true }, silentLog))
  expect(both.searchParams.get('error_description')).toBe('raised words')
  expect(redirectError(new AuthError(418, undefined, 'x: y'), options, silentLog)).toContain(
    '#error_code=unknown&error_description=x%253A+y&sb=',
  )
})
