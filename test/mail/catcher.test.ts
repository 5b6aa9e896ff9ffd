// The mail catcher from outside: nodemailer sends, Mailpit's API is asked.
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTransport } from 'nodemailer'
import { expect, test } from 'vitest'
import { startMail, type TestMail } from '../support/mail-service.ts'

const send = (mail: TestMail, over: object = {}) =>
  mail.transport.sendMail({ from: 'Admin <admin@example.com>', to: 'ann@example.com', subject: 'Hello', text: 'plain', ...over })
const jsonBody = (method: string, value: unknown): RequestInit => ({ method, body: JSON.stringify(value) })

test('a message in a list has upstream’s shape', async () => {
  await using mail = await startMail()
  await send(mail, { cc: 'C <c@example.com>', replyTo: 'r@example.com', html: '<h1>Welcome</h1> <p>and <a href="http://x.y">go</a></p>' })
  const list = await mail.json('/api/v1/messages')
  expect(list).toEqual({
    total: 1,
    unread: 1,
    count: 1,
    messages_count: 1,
    messages_unread: 1,
    start: 0,
    tags: [],
    messages: [
      {
        ID: expect.stringMatching(/^[A-Za-z0-9]{22}$/),
        MessageID: expect.stringMatching(/@example.com$/),
        Read: false,
        From: { Name: 'Admin', Address: 'admin@example.com' },
        To: [{ Name: '', Address: 'ann@example.com' }],
        Cc: [{ Name: 'C', Address: 'c@example.com' }],
        Bcc: [],
        ReplyTo: [{ Name: '', Address: 'r@example.com' }],
        Subject: 'Hello',
        Created: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        Username: '',
        Tags: [],
        Size: expect.any(Number),
        Attachments: 0,
        Snippet: 'Welcome and go',
      },
    ],
  })
})

test('one message: bodies, parts with checksums, headers, bytes; reading marks it', async () => {
  await using mail = await startMail()
  const png = Buffer.from('89504e470d0a1a0a', 'hex')
  await send(mail, {
    bcc: 'secret@example.com',
    text: 'plain text',
    html: '<p><img src="cid:logo@x"> rich</p>',
    attachments: [
      { filename: 'naïve “1”.txt', content: 'attached', contentType: 'text/plain' },
      { filename: 'logo.png', content: png, cid: 'logo@x', contentType: 'image/png' },
      { filename: 'evil.html', content: '<script>alert(1)</script>', contentType: 'text/html' },
    ],
  })
  const message = await mail.json('/api/v1/message/latest')
  expect(message).toMatchObject({
    Subject: 'Hello',
    Text: 'plain text',
    HTML: '<p><img src="cid:logo@x"> rich</p>',
    ReturnPath: 'admin@example.com',
    Bcc: [{ Name: '', Address: 'secret@example.com' }],
    ListUnsubscribe: { Header: '', Links: [], Errors: '', HeaderPost: '' },
    Username: '',
    Inline: [{ FileName: 'logo.png', ContentType: 'image/png', ContentID: 'logo@x', Size: 8 }],
    Attachments: [
      {
        FileName: 'naïve “1”.txt',
        ContentType: 'text/plain',
        Size: 8,
        Checksums: {
          MD5: '871e3311400fec611e1c2ae01acd3717',
          SHA1: '20988a5ccb7a4e693b66e54bb26fb4920fb42b4a',
          SHA256: expect.stringMatching(/^[0-9a-f]{64}$/),
        },
      },
      { FileName: 'evil.html' },
    ],
  })
  expect((await mail.json('/api/v1/messages')).messages[0]).toMatchObject({ Read: true, Attachments: 2 })

  const [text, html] = message.Attachments
  const part = await mail.get(`/api/v1/message/${message.ID}/part/${text.PartID}`)
  expect(part.headers.get('content-type')).toBe('text/plain')
  expect(part.headers.get('content-disposition')).toBe(`inline; filename*=UTF-8''na%C3%AFve%20%E2%80%9C1%E2%80%9D.txt`)
  expect(await part.text()).toBe('attached')
  const active = await mail.get(`/api/v1/message/${message.ID}/part/${html.PartID}`)
  expect(active.headers.get('content-type')).toBe('application/octet-stream')
  expect(active.headers.get('content-disposition')).toMatch(/^attachment/)

  const headers = await mail.json(`/api/v1/message/${message.ID}/headers`)
  expect(headers).toMatchObject({ Subject: ['Hello'], 'Mime-Version': ['1.0'], 'Return-Path': ['<admin@example.com>'] })
  expect(Object.keys(headers)).toEqual(Object.keys(headers).toSorted())
  const raw = await mail.get(`/api/v1/message/${message.ID}/raw?dl=1`)
  expect(raw.headers.get('content-disposition')).toBe(`attachment; filename="${message.ID}.eml"`)
  expect(await raw.text()).toContain('Subject: Hello\r\n')

  const page = await mail.get('/view/latest.html')
  expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; .*; sandbox /)
  expect(await page.text()).toContain(`<img src="/api/v1/message/${message.ID}/part/${message.Inline[0].PartID}">`)
  expect(await (await mail.get(`/view/${message.ID}.txt`)).text()).toBe('plain text')
})

test.each([
  ['/api/v1/message/none', 404, '404 page not found'],
  ['/api/v1/message/latest', 404, 'Message not found'],
  ['/api/v1/message/none/raw', 404, '404 page not found'],
  ['/view/latest.html', 404, 'Message not found'],
  ['/api/v1/search?query=', 400, 'Error: no search query'],
  ['/api/v1/nothing', 404, '404 page not found'],
  ['/%ff', 404, '404 page not found'],
  ['/../../etc/passwd', 404, '404 page not found'],
])('GET %s answers %i', async (path, status, text) => {
  await using mail = await startMail()
  const response = await mail.get(path)
  expect([response.status, await response.text()]).toEqual([status, text])
})

test('search, pages, read state and deletion', async () => {
  await using mail = await startMail()
  for (const name of ['ann', 'bob', 'cid'])
    await send(mail, { to: `${name}+t@example.com`, subject: `For ${name}`, html: `<p>body of ${name}</p>` })
  const found = await mail.json(`/api/v1/search?query=${encodeURIComponent('to:"bob+t@example.com"')}`)
  expect(found).toMatchObject({ total: 3, count: 1, messages_count: 1, messages_unread: 1, tags: ['t'] })
  expect(found.messages[0]).toMatchObject({ Subject: 'For bob', Tags: ['t'], Snippet: 'body of bob' })
  expect((await mail.json('/api/v1/messages?limit=1&start=1')).messages.map((m: { Subject: string }) => m.Subject)).toEqual(['For bob'])
  expect((await mail.json('/api/v1/search?query=body&limit=2')).messages).toHaveLength(2)
  expect((await mail.json(`/api/v1/message/latest?query=${encodeURIComponent('subject:ann')}`)).Subject).toBe('For ann')
  expect((await mail.json('/api/v1/search?query=is:read')).messages).toHaveLength(1)

  const both = await mail.get('/api/v1/messages', jsonBody('PUT', { Read: true, IDs: ['x'], Search: 'y' }))
  expect([both.status, await both.text()]).toEqual([400, 'You may specify either IDs or a search query, not both'])
  await mail.get('/api/v1/messages', jsonBody('PUT', { Read: true, Search: 'from:admin' }))
  expect((await mail.json('/api/v1/messages')).unread).toBe(0)
  await mail.get('/api/v1/messages', jsonBody('PUT', { read: false, ids: [found.messages[0].ID] }))
  expect((await mail.json('/api/v1/messages')).unread).toBe(1)
  await mail.get('/api/v1/messages', jsonBody('PUT', {}))
  expect((await mail.json('/api/v1/messages')).unread).toBe(3)

  const gone = await mail.get('/api/v1/messages', jsonBody('DELETE', { IDs: [found.messages[0].ID] }))
  expect([gone.status, await gone.text()]).toEqual([200, 'ok'])
  expect((await mail.json('/api/v1/messages')).total).toBe(2)
  await mail.get('/api/v1/search?query=subject:ann', { method: 'DELETE' })
  expect((await mail.json('/api/v1/messages')).total).toBe(1)
  await mail.get('/api/v1/messages', { method: 'DELETE' })
  expect(await mail.json('/api/v1/messages')).toMatchObject({ total: 0, messages: [] })
})

test('tags are set, renamed and deleted', async () => {
  await using mail = await startMail()
  await send(mail, { headers: { 'X-Tags': 'one, two!' } })
  expect(await mail.json('/api/v1/tags')).toEqual(['one', 'two'])
  const { ID } = (await mail.json('/api/v1/messages')).messages[0]
  await mail.get('/api/v1/tags', jsonBody('PUT', { Tags: ['three'], IDs: [ID] }))
  await mail.get('/api/v1/tags/three', jsonBody('PUT', { Name: 'four' }))
  expect((await mail.json('/api/v1/info')).Tags).toEqual({ four: 1 })
  await mail.get('/api/v1/tags/four', { method: 'DELETE' })
  expect(await mail.json('/api/v1/tags')).toEqual([])
})

test('a message is sent by HTTP', async () => {
  await using mail = await startMail()
  const sent = await mail.json('/api/v1/send', {
    method: 'POST',
    headers: { authorization: `Basic ${btoa('robot:x')}` },
    body: JSON.stringify({
      From: { Email: 'a@example.com', Name: 'Ä' },
      To: [{ Email: 'b@example.com' }],
      Bcc: ['c@example.com'],
      Subject: 'Søren',
      Text: 't',
      HTML: '<b>t</b>',
      Tags: ['x'],
      Headers: { 'X-Own': 'y' },
      Attachments: [{ Content: `data:text/plain;base64,${btoa('file')}`, Filename: 'f.txt' }],
    }),
  })
  const message = await mail.json(`/api/v1/message/${sent.ID}`)
  expect(message).toMatchObject({
    From: { Name: 'Ä', Address: 'a@example.com' },
    Bcc: [{ Address: 'c@example.com' }],
    Subject: 'Søren',
    Text: 't',
    HTML: '<b>t</b>',
    Tags: ['x'],
    Username: 'robot',
    Attachments: [{ FileName: 'f.txt', Size: 4 }],
  })
  for (const [body, error] of [
    ['{', 'invalid JSON body'],
    [JSON.stringify({ From: { Email: 'nobody' } }), 'invalid From address: nobody'],
    [JSON.stringify({ From: { Email: 'a@b.c' }, To: [{ Email: 'x' }] }), 'invalid To address: x'],
    [JSON.stringify({ From: { Email: 'a@b.c' }, Headers: { Subject: 'x' } }), 'cannot overwrite header: "Subject"'],
  ] as const) {
    const response = await mail.get('/api/v1/send', { method: 'POST', body })
    expect([response.status, await response.json()]).toEqual([400, { Error: error }])
  }
})

test('any login is taken and shown; none is needed', async () => {
  await using mail = await startMail()
  const transport = createTransport({
    host: '127.0.0.1',
    port: mail.smtpPort,
    auth: { user: 'fake_mail_user', pass: 'anything' },
    ignoreTLS: true,
  })
  await transport.sendMail({ from: 'a@b.c', to: 'd@e.f', text: 'x' })
  expect((await mail.json('/api/v1/messages')).messages[0].Username).toBe('fake_mail_user')
})

test('logins that are set are asked for, in SMTP and on the page', async () => {
  await using mail = await startMail({ MP_SMTP_AUTH: 'ann:one', MP_UI_AUTH: 'ann:two' })
  await expect(send(mail)).rejects.toThrow(/authentication/i)
  const as = (pass: string) => createTransport({ host: '127.0.0.1', port: mail.smtpPort, auth: { user: 'ann', pass }, ignoreTLS: true })
  await expect(as('two').sendMail({ from: 'a@b.c', to: 'd@e.f', text: 'x' })).rejects.toThrow(/535/)
  await as('one').sendMail({ from: 'a@b.c', to: 'd@e.f', text: 'x' })
  const refused = await mail.get('/api/v1/messages')
  expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Basic realm="Login"'])
  const allowed = await mail.json('/api/v1/messages', { headers: { authorization: `Basic ${btoa('ann:two')}` } })
  expect(allowed.total).toBe(1)
  expect((await mail.get('/readyz')).status).toBe(200)
})

test('a huge message is refused and the connection goes on', async () => {
  await using mail = await startMail({ MP_MAX_MESSAGE_SIZE: '1' })
  // Without the SIZE parameter the bytes themselves are counted.
  await expect(send(mail, { text: 'x'.repeat(1_500_000) })).rejects.toThrow(/552/)
  await send(mail)
  expect((await mail.json('/api/v1/messages')).total).toBe(1)
  const info = await mail.json('/api/v1/info')
  expect(info.RuntimeStats).toMatchObject({ SMTPAccepted: 1 })
  const big = await mail.get('/api/v1/send', { method: 'POST', body: 'x'.repeat(2_000_000) })
  expect(big.status).toBe(413)
})

test('what is sent without SIZE is counted while it comes', async () => {
  await using mail = await startMail({ MP_MAX_MESSAGE_SIZE: '1' })
  const replies = await speak(mail.smtpPort, [
    'EHLO x\r\n',
    'MAIL FROM:<a@b.c>\r\n',
    'RCPT TO:<d@e.f>\r\n',
    'DATA\r\n',
    `Subject: big\r\n\r\n${`${'y'.repeat(98)}\r\n`.repeat(12_000)}.\r\n`,
    'QUIT\r\n',
  ])
  expect(replies.join('\n')).toMatch(/552 /)
  expect((await mail.json('/api/v1/info')).RuntimeStats.SMTPRejected).toBe(1)
})

test('broken MIME, lone header lines and 8-bit bytes are kept as they came', async () => {
  await using mail = await startMail()
  const body = 'Content-Type: multipart/mixed; boundary="never"\r\nSubject: caf\u00e9 \r\nno colon here\r\n\r\n\u0000\u0007 half \u00ff'
  await speak(mail.smtpPort, ['EHLO x\r\n', 'MAIL FROM:<a@b.c>\r\n', 'RCPT TO:<d@e.f>\r\n', 'DATA\r\n', `${body}\r\n.\r\n`, 'QUIT\r\n'])
  const { messages } = await mail.json('/api/v1/messages')
  expect(messages).toHaveLength(1)
  expect(messages[0].Bcc).toEqual([{ Name: '', Address: 'd@e.f' }])
  const raw = Buffer.from(await (await mail.get(`/api/v1/message/${messages[0].ID}/raw`)).arrayBuffer())
  expect(raw.subarray(raw.indexOf('Content-Type')).toString('latin1')).toContain(body)
  expect((await mail.get(`/api/v1/message/${messages[0].ID}`)).status).toBe(200)
})

test('unicode goes through whole: subject, names, bodies, file names', async () => {
  await using mail = await startMail()
  const text = '日本語 — العربية — emoji 👩‍👩‍👧 — ß'
  await send(mail, { from: { name: 'Jürgen “J” 山', address: 'j@example.com' }, subject: text, text, html: `<p>${text}</p>` })
  const message = await mail.json('/api/v1/message/latest')
  expect(message).toMatchObject({ Subject: text, Text: text, HTML: `<p>${text}</p>`, From: { Name: 'Jürgen “J” 山' } })
  expect((await mail.json(`/api/v1/search?query=${encodeURIComponent('日本語')}`)).count).toBe(1)
})

test('1,000 messages: all are listed when there is room, the newest 500 by default', async () => {
  await using roomy = await startMail({ MP_MAX_MESSAGES: '1000' })
  await using usual = await startMail()
  const sendMany = (mail: TestMail, count: number) =>
    Promise.all(Array.from({ length: count }, (_, at) => send(mail, { to: `u${at}@example.com`, subject: `Nr. ${at}` })))
  await sendMany(roomy, 1_000)
  await sendMany(usual, 520)
  expect((await roomy.json('/api/v1/messages?limit=0')).messages).toHaveLength(1_000)
  expect((await roomy.json('/api/v1/messages')).messages).toHaveLength(50)
  expect((await roomy.json('/api/v1/search?query=to:u777@')).count).toBe(1)
  expect(await usual.json('/api/v1/info')).toMatchObject({ Messages: 500, RuntimeStats: { MessagesDeleted: 20, SMTPAccepted: 520 } })
})

test('messages outlive a restart when MP_DATABASE names a file', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'mail-'))
  try {
    const MP_DATABASE = join(dir, 'mail.jsonl')
    {
      await using mail = await startMail({ MP_DATABASE })
      await send(mail, { subject: 'kept' })
    }
    await using again = await startMail({ MP_DATABASE })
    expect((await again.json('/api/v1/message/latest')).Subject).toBe('kept')
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

test('a taken SMTP port is named, with the variable that changes it', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => taken.once('listening', resolve))
  const { port } = taken.address() as { port: number }
  try {
    await expect(startMail({ MP_SMTP_BIND_ADDR: `127.0.0.1:${port}` })).rejects.toThrow(
      `SMTP port 127.0.0.1:${port} is taken by another process. Stop it, or set MP_SMTP_BIND_ADDR.`,
    )
  } finally {
    taken.close()
  }
})

test('health is that SMTP greets; after a stop it does not', async () => {
  const mail = await startMail()
  await mail.service.health()
  await mail[Symbol.asyncDispose]()
  await expect(mail.service.health()).rejects.toThrow(/ECONNREFUSED/)
})

test('the older API of Inbucket finds a mailbox by the name before the @', async () => {
  await using mail = await startMail()
  await send(mail, { to: 'Ann@example.com', subject: 'first', html: '<b>1</b>', attachments: [{ filename: 'a.txt', content: 'a' }] })
  await send(mail, { to: 'ann+x@example.com', subject: 'second' })
  await send(mail, { to: 'bob@example.com', subject: 'other' })
  const list = await mail.json('/api/v1/mailbox/ann')
  expect(list.map((m: { subject: string }) => m.subject)).toEqual(['first', 'second'])
  expect(list[0]).toMatchObject({ mailbox: 'ann', from: '"Admin" <admin@example.com>', to: ['<Ann@example.com>'], seen: false })
  const message = await mail.json(`/api/v1/mailbox/ann/${list[0].id}`)
  expect(message).toMatchObject({ body: { html: '<b>1</b>', text: 'plain' }, header: { Subject: ['first'] } })
  expect(await (await mail.get(message.attachments[0]['download-link'])).text()).toBe('a')
  expect((await mail.json('/api/v1/mailbox/ann/latest')).subject).toBe('second')
  expect((await mail.get(`/api/v1/mailbox/bob/${list[0].id}`)).status).toBe(404)
  expect(await mail.json('/api/v1/mailbox/ann', { method: 'DELETE' })).toBe('OK')
  expect(await mail.json('/api/v1/mailbox/ann')).toEqual([])
  expect((await mail.json('/api/v1/messages')).total).toBe(1)
})

test('a webroot, allowed hosts and CORS', async () => {
  await using mail = await startMail({ MP_WEBROOT: 'mail', MP_ALLOWED_HOSTS: '127.0.0.1', MP_API_CORS: 'http://app.example' })
  await send(mail)
  expect((await mail.json('/mail/api/v1/messages')).total).toBe(1)
  expect((await mail.get('/api/v1/messages')).status).toBe(404)
  const root = await mail.get('/', { redirect: 'manual' })
  expect([root.status, root.headers.get('location')]).toEqual([302, '/mail/'])
  expect((await mail.get('/mail/')).headers.get('content-type')).toMatch(/html/)
  expect((await mail.get('/mail/api/v1/messages')).headers.get('access-control-allow-origin')).toBe('http://app.example')
  const other = await speakHttp(mail.url, 'GET /mail/api/v1/messages HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n')
  expect(other).toMatch(/^HTTP\/1\.1 403 /)
  const slashes = await speakHttp(
    mail.url,
    'GET //127.0.0.1/mail/api/v1/messages HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n',
  )
  expect(slashes).toMatch(/^HTTP\/1\.1 403 /)
})

test.each([
  ['evil.example', 403],
  ['evil.example:8025', 403],
  ['127.0.0.1.evil.example', 403],
  ['localhost.evil.example', 403],
  ['localhost', 200],
  ['127.0.0.1:8025', 200],
  ['[::1]:8025', 200],
  ['192.168.1.20', 200],
  ['app.localhost', 200],
  ['host.docker.internal', 200],
  ['mail:8025', 200],
])('over loopback a page that has its own name %s lead here reads no mail', async (host, status) => {
  await using mail = await startMail()
  const answer = await speakHttp(mail.url, `GET /api/v1/messages HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
})

test('every answer carries headers that keep a mail from acting', async () => {
  await using mail = await startMail()
  await send(mail, { html: '<script>document.title = 1</script>' })
  for (const path of ['/', '/api/v1/messages', '/view/latest.html', '/api/v1/message/latest/raw', '/nothing']) {
    const { headers } = await mail.get(path)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'/)
  }
})

/** Says each line after the reply to the one before. */
async function speak(port: number, lines: readonly string[]): Promise<string[]> {
  const socket = connect(port, '127.0.0.1')
  const replies: string[] = []
  let left = [...lines]
  return new Promise((resolve, reject) => {
    let buffered = ''
    socket.setEncoding('latin1').on('data', (data: string) => {
      buffered += data
      if (!/^\d{3} .*\r\n$/m.test(buffered)) return
      replies.push(buffered)
      buffered = ''
      const [next, ...rest] = left
      left = rest
      if (next !== undefined) socket.write(next, 'latin1')
    })
    socket.once('error', reject).once('close', () => resolve(replies))
  })
}

function speakHttp(url: string, request: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  return new Promise((resolve, reject) => {
    let answer = ''
    socket
      .setEncoding('latin1')
      .on('data', (data: string) => {
        answer += data
      })
      .once('error', reject)
      .once('close', () => resolve(answer))
    socket.write(request)
  })
}
