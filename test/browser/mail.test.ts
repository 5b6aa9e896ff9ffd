// The page of the mail catcher in a real browser: what a reader does, by mouse and by keys, wide and narrow, and what a mail must not do.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startMail, type TestMail } from '../support/mail-service.ts'
import { launchChromium } from './chromium.ts'

const WIDE = { width: 1280, height: 800 }
const NARROW = { width: 390, height: 844 }
/** What is asked of the page's root element; the tests are typed for Node. */
interface Root {
  readonly scrollWidth: number
  readonly ownerDocument: { readonly referrer: string; readonly defaultView: { readonly opener: unknown } }
}

let browser: Browser
beforeAll(async () => {
  browser = await launchChromium()
})
afterAll(() => browser?.close())

async function openPage(mail: TestMail, viewport = WIDE, path = '/') {
  const context = await browser.newContext({ viewport })
  const page = await context.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.message))
  await page.goto(new URL(path, mail.url).href)
  return Object.assign(page, { errors, [Symbol.asyncDispose]: () => context.close() })
}
const send = (mail: TestMail, over: object = {}) =>
  mail.transport.sendMail({ from: 'Admin <admin@example.com>', to: 'ann@example.com', subject: 'Hello', html: '<p>Hi</p>', ...over })
const subjects = (page: Page) => page.locator('.row .title').allTextContents()
const rows = (page: Page, count: number) => expect.poll(() => page.locator('.row').count()).toBe(count)
const shown = (page: Page) => page.locator('#message:not([hidden]) #subject')

test('an empty catcher says how to send, and its button sends one', async () => {
  await using mail = await startMail()
  await using page = await openPage(mail)
  await page.getByRole('heading', { name: 'No mail yet' }).waitFor()
  expect(await page.locator('#smtp').textContent()).toBe(`127.0.0.1:${mail.smtpPort}`)
  expect(await page.locator('#example').textContent()).toContain(`curl smtp://127.0.0.1:${mail.smtpPort}`)
  await page.getByRole('button', { name: 'Send a test mail' }).click()
  await rows(page, 1)
  expect(await subjects(page)).toEqual(['It works'])
  expect(page.errors).toEqual([])
})

test('a mail appears by itself, opens, and is read from then on', async () => {
  await using mail = await startMail()
  await using page = await openPage(mail)
  await page.getByText('0 messages').waitFor()
  await send(mail, {
    to: 'Bob <bob@example.com>',
    text: 'plain',
    html: '<h2>Welcome</h2>',
    attachments: [{ filename: 'a.txt', content: 'abc' }],
  })
  await page.locator('.row.unread').waitFor()
  expect(await page.title()).toBe('(1) Mail')
  await page.locator('.row').click()
  await page.frameLocator('#frame').getByRole('heading', { name: 'Welcome' }).waitFor()
  await page.locator('.row.unread').waitFor({ state: 'detached' })
  expect(await page.title()).toBe('Mail')
  expect(await page.locator('#people').textContent()).toMatch(/Bob <bob@example.com>/)

  await page.getByRole('tab', { name: 'Text' }).click()
  expect(await page.locator('#text').textContent()).toBe('plain')
  await page.getByRole('tab', { name: 'Headers' }).click()
  await page.locator('#headers dt', { hasText: 'Message-Id' }).waitFor()
  await page.getByRole('tab', { name: 'Source' }).click()
  await page.locator('#raw', { hasText: 'Subject: Hello' }).waitFor()
  const download = page.waitForEvent('download')
  await page.getByRole('link', { name: /a\.txt/ }).click()
  expect((await download).suggestedFilename()).toBe('a.txt')
  expect(page.errors).toEqual([])
})

test('a mail runs no script, loads nothing from elsewhere until asked to, and shows its own images', async () => {
  await using mail = await startMail()
  const asked: string[] = []
  const pixel = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64')
  const remote = createServer((req, res) => {
    asked.push(req.url ?? '')
    res.writeHead(200, { 'content-type': 'image/gif' }).end(pixel)
  })
  await new Promise<void>((resolve) => remote.listen(0, '127.0.0.1', resolve))
  try {
    const host = `http://127.0.0.1:${(remote.address() as AddressInfo).port}`
    await send(mail, {
      subject: '<img src=x onerror="document.title=\'owned\'">',
      html: `<h2>Body</h2><script>top.document.title = 'owned'; fetch('/api/v1/messages', { method: 'DELETE' })</script>
        <img id="bad" src="x" onerror="top.document.title = 'owned'"><meta http-equiv="refresh" content="0;url=${host}/refresh">
        <link rel="stylesheet" href="${host}/style.css"><img id="far" src="${host}/pixel.gif"><img id="own" src="cid:own@x">
        <iframe src="${host}/frame"></iframe><form action="${host}/form"><button id="go">Go</button></form>
        <a id="link" href="${host}/page">link</a>`,
      attachments: [{ filename: 'own.gif', content: pixel, cid: 'own@x' }],
    })
    await using page = await openPage(mail)
    await page.locator('.row').click()
    const frame = page.frameLocator('#frame')
    await frame.getByRole('heading', { name: 'Body' }).waitFor()
    const width = (id: string) => frame.locator(id).evaluate((image: unknown) => (image as { naturalWidth: number }).naturalWidth)
    await expect.poll(() => width('#own')).toBe(1)
    await frame.locator('#go').click()
    expect(await shown(page).textContent()).toContain('<img src=x')
    expect(asked).toEqual([])

    await page.getByRole('button', { name: 'Load them' }).click()
    await expect.poll(() => width('#far')).toBe(1)
    expect(asked.toSorted()).toEqual(['/pixel.gif', '/style.css'])
    expect(await page.title()).toBe('Mail')

    // A link opens a tab of its own, with its full powers and without knowing where it came from.
    const popup = page.waitForEvent('popup')
    await frame.locator('#link').click()
    const opened = await popup
    await opened.waitForURL(`${host}/page`)
    expect(await opened.locator('html').evaluate((html: unknown) => (html as Root).ownerDocument.referrer)).toBe('')
    expect(await opened.locator('html').evaluate((html: unknown) => (html as Root).ownerDocument.defaultView.opener)).toBeNull()

    // The bare view of a message is as powerless.
    await page.goto(`${mail.url}/view/latest.html`)
    await page.getByRole('heading', { name: 'Body' }).waitFor()
    expect(await page.title()).not.toBe('owned')
    expect((await mail.json('/api/v1/messages')).total).toBe(1)
    expect(asked.filter((path) => path !== '/page' && path !== '/favicon.ico').toSorted()).toEqual(['/pixel.gif', '/style.css'])
  } finally {
    remote.closeAllConnections()
    remote.close()
  }
})

test('searching narrows the list, and what is found can be deleted', async () => {
  await using mail = await startMail()
  for (const name of ['ann', 'bob', 'cid']) await send(mail, { to: `${name}@example.com`, subject: `For ${name}` })
  await using page = await openPage(mail)
  await rows(page, 3)
  await page.keyboard.press('/')
  await page.keyboard.type('to:bob')
  await rows(page, 1)
  expect(await page.locator('#count').textContent()).toBe('1 of 3 found')
  await page.getByRole('button', { name: 'Delete found' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
  expect((await mail.json('/api/v1/messages')).total).toBe(3)
  await page.getByRole('button', { name: 'Delete found' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('heading', { name: 'Nothing found' }).waitFor()
  await page.locator('#query').press('Escape')
  await rows(page, 2)
  expect(await subjects(page)).toEqual(['For cid', 'For ann'])
  expect(page.errors).toEqual([])
})

test('everything goes by keys', async () => {
  await using mail = await startMail()
  for (const name of ['one', 'two', 'three']) await send(mail, { subject: name })
  await using page = await openPage(mail)
  await rows(page, 3)
  await page.keyboard.press('j')
  await expect.poll(() => shown(page).textContent()).toBe('three')
  await page.keyboard.press('j')
  await expect.poll(() => shown(page).textContent()).toBe('two')
  await page.keyboard.press('k')
  await expect.poll(() => shown(page).textContent()).toBe('three')
  await page.keyboard.press('Delete')
  await rows(page, 2)
  await expect.poll(() => shown(page).textContent()).toBe('two')
  await page.keyboard.press('u')
  await page.locator('.row.unread', { hasText: 'two' }).waitFor()
  await page.keyboard.press('/')
  await page.keyboard.press('Enter')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await expect.poll(() => shown(page).textContent()).toBe('one')
  await page.getByRole('tab', { name: 'HTML' }).focus()
  await page.keyboard.press('ArrowRight')
  await page.locator('#panel-text:not([hidden])').waitFor()
  await page.keyboard.press('Escape')
  await page.locator('#message').waitFor({ state: 'hidden' })
  expect(await page.locator('.row:focus .title').textContent()).toBe('one')
  expect(page.errors).toEqual([])
})

test('an address with a message opens it, and going back closes it', async () => {
  await using mail = await startMail()
  await send(mail, { subject: 'linked' })
  const { ID } = (await mail.json('/api/v1/messages')).messages[0]
  await using page = await openPage(mail, WIDE, `/#${ID}`)
  await expect.poll(() => shown(page).textContent()).toBe('linked')
  await using other = await openPage(mail, WIDE, '/view/latest')
  await expect.poll(() => shown(other).textContent()).toBe('linked')
  await using third = await openPage(mail)
  await third.locator('.row').click()
  await shown(third).waitFor()
  await third.goBack()
  await third.locator('#message').waitFor({ state: 'hidden' })
})

test('on a phone the list and the message take turns and nothing is cut off', async () => {
  await using mail = await startMail()
  await using page = await openPage(mail, NARROW)
  await page.getByRole('heading', { name: 'No mail yet' }).waitFor()
  const width = () => page.locator('html').evaluate((html: unknown) => (html as Root).scrollWidth)
  expect(await width()).toBeLessThanOrEqual(NARROW.width)
  await send(mail, {
    subject: `${'Averyveryverylongword'.repeat(6)}`,
    to: Array.from({ length: 9 }, (_, at) => `${'long'.repeat(6)}${at}@example.com`),
    attachments: [{ filename: `${'name-'.repeat(40)}.txt`, content: 'x' }],
  })
  await rows(page, 1)
  expect(await width()).toBeLessThanOrEqual(NARROW.width)
  await page.locator('.row').click()
  await page.frameLocator('#frame').getByText('Hi').waitFor()
  expect(await page.locator('.row').isVisible()).toBe(false)
  expect(await width()).toBeLessThanOrEqual(NARROW.width)
  for (const tab of ['Text', 'Headers', 'Source']) {
    await page.getByRole('tab', { name: tab }).click()
    expect(await width()).toBeLessThanOrEqual(NARROW.width)
  }
  await page.getByRole('button', { name: 'Back to the list' }).click()
  await page.locator('.row').waitFor()
  expect(await page.locator('#message').isVisible()).toBe(false)
  expect(page.errors).toEqual([])
})

test('the page says when the catcher is away', async () => {
  const mail = await startMail()
  await using page = await openPage(mail)
  await page.getByText('0 messages').waitFor()
  await mail[Symbol.asyncDispose]()
  await page.getByText('The mail catcher does not answer').waitFor()
})
