import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { readEnv } from '../../../env/read.ts'
import { authEnv } from '../env.ts'
import { AddressCheck, type NameServer } from './address-check.ts'

const envOf = (variables: Record<string, string>) =>
  readEnv(authEnv, {
    GOTRUE_DB_DATABASE_URL: 'postgresql://x',
    API_EXTERNAL_URL: 'http://auth.test',
    GOTRUE_SITE_URL: 'http://app.test',
    GOTRUE_JWT_SECRET: 'a-secret-of-more-than-thirty-two-characters',
    ...variables,
  })
const failure = (code: string) => Object.assign(new Error(code), { code })
const names: NameServer = {
  async resolveMx(host) {
    if (host === 'mail.dev') return [{ exchange: 'mx.mail.dev' }]
    if (host === 'bad.dev') return [{ exchange: 'MX.bad.dev' }]
    throw failure(host === 'away.dev' ? 'ETIMEOUT' : 'ENOTFOUND')
  },
  async resolve(host) {
    if (host === 'host.dev') return ['203.0.113.1']
    throw failure('ENOTFOUND')
  },
}

test.each([
  ['someone@mail.dev', true],
  ['someone@host.dev', true],
  ['someone@away.dev', true],
  ['someone@gmail.com', false],
  ['longer.name@gmail.com', true],
  ['abc@gmail.com', false],
  ['someone@nowhere.dev', false],
  ['someone@bad.dev', false],
  ['someone@example.org', false],
  ['someone@my.test', false],
  ['someone@intranet', false],
])('with the extended check mail to %s is sent: %s', async (address, sent) => {
  const env = envOf({
    GOTRUE_MAILER_EMAIL_VALIDATION_EXTENDED: 'true',
    GOTRUE_MAILER_EMAIL_VALIDATION_BLOCKED_MX: '["mx.bad.dev."]',
  })
  const outcome = await new AddressCheck(env, names).check(address).then(
    () => true,
    (error: { code: string; status: number }) => `${error.status} ${error.code}`,
  )
  expect(outcome).toBe(sent || '400 email_address_invalid')
})

test('the operator’s service is asked, and believed only when it says no', async () => {
  const asked: unknown[] = []
  const server = createServer(async (req, res) => {
    let body = ''
    for await (const part of req) body += String(part)
    asked.push([req.headers['x-key'], body])
    const answer = { 'no@mail.dev': [200, '{"valid":false}'], 'odd@mail.dev': [200, 'what?'], 'down@mail.dev': [500, '{"valid":false}'] }
    const [status, text] = answer[JSON.parse(body).email as keyof typeof answer] ?? [200, '{"valid":true}']
    res.writeHead(status as number).end(text)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const env = envOf({
    GOTRUE_MAILER_EMAIL_VALIDATION_SERVICE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    GOTRUE_MAILER_EMAIL_VALIDATION_SERVICE_HEADERS: '{"x-key":["k"]}',
  })
  const check = new AddressCheck(env, names)
  try {
    for (const address of ['yes@mail.dev', 'odd@mail.dev', 'down@mail.dev']) await check.check(address)
    await expect(check.check('no@mail.dev')).rejects.toThrow('Email address "no@mail.dev" is invalid')
    expect(asked[0]).toEqual(['k', '{"email":"yes@mail.dev"}'])
  } finally {
    server.closeAllConnections()
    server.close()
  }
  await check.check('no@mail.dev')
})
