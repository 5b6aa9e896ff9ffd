// The page of the mail catcher: a list that follows the server's events, and one open message. Text from mails is only ever set as text;
// their HTML is shown by the server in a sandboxed frame.
const PAGE = 50
const byId = (id) => document.getElementById(id)
const state = { messages: [], total: 0, unread: 0, matching: 0, limit: PAGE, query: '', open: undefined, tab: 'html', loading: 0 }

async function api(path, options) {
  const response = await fetch(`api/v1/${path}`, options)
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
  return response
}
const body = (method, value) => ({ method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) })

function element(name, attributes = {}, ...children) {
  const node = document.createElement(name)
  for (const [key, value] of Object.entries(attributes))
    if (value !== undefined && value !== false) node.setAttribute(key, value === true ? '' : value)
  node.append(...children.filter((child) => child !== undefined))
  return node
}
function clip() {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  svg.setAttribute('viewBox', '0 0 16 16')
  svg.setAttribute('class', 'clip')
  svg.setAttribute('aria-hidden', 'true')
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path')
  path.setAttribute('d', 'M13 7.5l-5 5a3 3 0 0 1-4.3-4.3l5.5-5.4a2 2 0 0 1 2.8 2.8l-5.4 5.4a1 1 0 0 1-1.4-1.4L10 4.8')
  svg.append(path)
  return svg
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' })
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
function when(iso) {
  const date = new Date(iso)
  return date.toDateString() === new Date().toDateString() ? clock.format(date) : day.format(date)
}
function size(bytes) {
  if (bytes < 1024) return `${bytes} B`
  return bytes < 1048576 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / 1048576).toFixed(1)} MB`
}
const nameOf = (address) => (address ? address.Name || address.Address : 'nobody')

// The list ------------------------------------------------------------------------------------------------------------------------------

async function load() {
  const turn = ++state.loading
  const path = state.query ? `search?query=${encodeURIComponent(state.query)}&limit=${state.limit}` : `messages?limit=${state.limit}`
  try {
    const list = await (await api(path)).json()
    if (turn !== state.loading) return
    Object.assign(state, { messages: list.messages, total: list.total, unread: list.unread, matching: list.messages_count })
    byId('offline').hidden = true
    showList()
  } catch {
    // The server is away; the event stream tells when it is back.
    if (turn === state.loading) byId('offline').hidden = false
  }
}

function showList() {
  const { messages, total, unread, matching, query } = state
  document.title = unread > 0 ? `(${unread}) Mail` : 'Mail'
  byId('unread').textContent = unread
  byId('unread').setAttribute('aria-label', `${unread} unread`)
  byId('unread').title = `${unread} unread`
  byId('unread').hidden = unread === 0
  byId('read-all').disabled = unread === 0
  byId('delete-all').disabled = total === 0
  byId('delete-all').textContent = query && total > 0 ? 'Delete found' : 'Delete all'
  byId('count').textContent = query ? `${matching} of ${total} found` : `${total} message${total === 1 ? '' : 's'}`
  byId('messages').classList.toggle('has-rows', messages.length > 0)
  byId('more').hidden = messages.length >= matching
  const focused = document.activeElement?.dataset?.id
  byId('rows').replaceChildren(...messages.map(row))
  if (focused) rowOf(focused)?.focus({ preventScroll: true })
  showEmpty()
  showSteps()
}

function row(message) {
  const to = message.To.length > 0 ? message.To : message.Bcc
  const time = element('time', { datetime: message.Created, title: moment.format(new Date(message.Created)) }, when(message.Created))
  const line = element('span', { class: 'line' }, element('span', { class: 'who' }, `To ${to.map(nameOf).join(', ') || 'nobody'}`))
  if (message.Attachments > 0) line.append(clip())
  line.append(time)
  const button = element(
    'button',
    {
      type: 'button',
      class: message.Read ? 'row' : 'row unread',
      'data-id': message.ID,
      'aria-current': message.ID === state.open ? 'true' : undefined,
    },
    message.Read ? undefined : element('span', { class: 'sr' }, 'Unread: '),
    line,
    element('span', { class: 'title' }, message.Subject || '(no subject)'),
    element('span', { class: 'snippet' }, message.Snippet || '\u00a0'),
  )
  if (message.Tags.length > 0)
    button.append(element('span', { class: 'tags' }, ...message.Tags.map((tag) => element('span', { class: 'tag' }, tag))))
  button.addEventListener('click', () => open(message.ID))
  return element('li', {}, button)
}
const rowOf = (id) => document.querySelector(`.row[data-id="${CSS.escape(id)}"]`)

function showEmpty() {
  const { total, messages, query, open } = state
  byId('empty').hidden = open !== undefined
  const none = messages.length === 0
  byId('empty-title').textContent = total === 0 ? 'No mail yet' : none ? 'Nothing found' : 'No message chosen'
  byId('empty-text').textContent =
    total === 0
      ? 'Whatever is sent to this address is caught here and goes no further.'
      : none
        ? `No message fits “${query}”.`
        : 'Choose one from the list, or move with j and k.'
  byId('empty-smtp').hidden = total > 0
  byId('empty-try').hidden = total > 0
}

// One message ---------------------------------------------------------------------------------------------------------------------------

async function open(id, { focus = true } = {}) {
  let message
  try {
    message = await (await api(`message/${encodeURIComponent(id)}`)).json()
  } catch {
    // Deleted in the meantime.
    close()
    return
  }
  state.open = id
  if (decodeURIComponent(location.hash.slice(1)) !== id) history.pushState(undefined, '', `#${id}`)
  document.body.classList.add('reading')
  byId('subject').textContent = message.Subject || '(no subject)'
  showPeople(message)
  showParts(message)
  const html = message.HTML !== ''
  byId('tab-html').hidden = !html
  byId('panel-html').dataset.id = id
  byId('remote').hidden = !(
    html &&
    /(?:src|href|background|srcset)\s*=\s*["']?\s*(?:https?:)?\/\/|url\(\s*["']?\s*(?:https?:)?\/\//i.test(withoutLinks(message.HTML))
  )
  if (html) byId('frame').src = `view/${id}.html?embed=1`
  else byId('frame').removeAttribute('src')
  byId('text').textContent = message.Text
  byId('headers').replaceChildren()
  byId('raw').textContent = ''
  byId('download').href = `api/v1/message/${id}/raw?dl=1`
  byId('message').hidden = false
  byId('reader').scrollTop = 0
  await choose(!html && state.tab === 'html' ? 'text' : state.tab, false)
  for (const other of document.querySelectorAll('.row[aria-current]')) other.removeAttribute('aria-current')
  const current = rowOf(id)
  current?.setAttribute('aria-current', 'true')
  current?.scrollIntoView({ block: 'nearest' })
  if (focus) byId('subject').focus({ preventScroll: true })
  showEmpty()
  showSteps()
}

// A link to another host loads nothing by itself.
const withoutLinks = (html) => html.replace(/<a\s[^>]*>/gi, '')

function close() {
  const id = state.open
  state.open = undefined
  document.body.classList.remove('reading')
  byId('message').hidden = true
  byId('frame').removeAttribute('src')
  if (location.hash) history.pushState(undefined, '', location.pathname + location.search)
  for (const other of document.querySelectorAll('.row[aria-current]')) other.removeAttribute('aria-current')
  if (id) rowOf(id)?.focus()
  showEmpty()
}

function showPeople(message) {
  const line = (label, addresses) =>
    addresses.length === 0
      ? []
      : [
          element('dt', {}, label),
          element(
            'dd',
            {},
            ...addresses.flatMap(({ Name, Address }, index) => [
              index > 0 ? ', ' : '',
              Name ? `${Name} ` : '',
              element('span', { class: Name ? 'address' : '' }, Name ? `<${Address}>` : Address),
            ]),
          ),
        ]
  byId('people').replaceChildren(
    ...line('From', message.From.Address || message.From.Name ? [message.From] : []),
    ...line('To', message.To),
    ...line('Cc', message.Cc),
    ...line('Bcc', message.Bcc),
    ...line('Reply to', message.ReplyTo),
    element('dt', {}, 'Date'),
    element('dd', {}, `${moment.format(new Date(message.Date))} · ${size(message.Size)}`),
    ...(message.Tags.length > 0 ? [element('dt', {}, 'Tags'), element('dd', {}, message.Tags.join(', '))] : []),
  )
}

function showParts(message) {
  byId('attachments').replaceChildren(
    ...[...message.Attachments, ...message.Inline].map((part) =>
      element(
        'li',
        {},
        element(
          'a',
          { href: `api/v1/message/${message.ID}/part/${part.PartID}?dl=1`, download: part.FileName, title: part.ContentType },
          clip(),
          element('span', { class: 'name' }, part.FileName),
          element('span', { class: 'size' }, size(part.Size)),
        ),
      ),
    ),
  )
}

const tabs = ['html', 'text', 'headers', 'raw']
async function choose(tab, remember = true) {
  if (remember) state.tab = tab
  for (const name of tabs) {
    byId(`tab-${name}`).setAttribute('aria-selected', String(name === tab))
    byId(`tab-${name}`).tabIndex = name === tab ? 0 : -1
    byId(`panel-${name}`).hidden = name !== tab
  }
  const id = state.open
  if (tab === 'headers' && byId('headers').childElementCount === 0) {
    const headers = await (await api(`message/${id}/headers`)).json()
    if (state.open !== id) return
    byId('headers').replaceChildren(
      ...Object.entries(headers).flatMap(([name, values]) =>
        values.flatMap((value) => [element('dt', {}, name), element('dd', {}, value)]),
      ),
    )
  }
  if (tab === 'raw' && byId('raw').textContent === '') {
    const raw = await (await api(`message/${id}/raw`)).text()
    // The whole of a large message is behind the link above it.
    if (state.open === id) byId('raw').textContent = raw.length > 300_000 ? `${raw.slice(0, 300_000)}\n…` : raw
  }
}

function neighbour(step) {
  const at = state.messages.findIndex(({ ID }) => ID === state.open)
  return at < 0 ? state.messages[0]?.ID : state.messages[at + step]?.ID
}
function showSteps() {
  byId('previous').disabled = state.open === undefined || neighbour(-1) === undefined
  byId('next').disabled = state.open === undefined || neighbour(1) === undefined
}
function step(by) {
  const id = neighbour(by)
  if (id) open(id)
}

// Acts ----------------------------------------------------------------------------------------------------------------------------------

async function remove(id) {
  const next = neighbour(1) ?? neighbour(-1)
  await api('messages', body('DELETE', { IDs: [id] }))
  await load()
  if (next && next !== id && innerWidth > 750) open(next)
  else close()
}

async function removeAll() {
  const found = state.query !== ''
  const count = found ? state.matching : state.total
  if (count === 0) return
  byId('confirm-title').textContent = `Delete ${found ? 'the' : 'all'} ${count} message${count === 1 ? '' : 's'}${found ? ' found' : ''}?`
  const dialog = byId('confirm')
  dialog.returnValue = 'no'
  dialog.showModal()
  await new Promise((resolve) => dialog.addEventListener('close', resolve, { once: true }))
  if (dialog.returnValue !== 'yes') return
  await (found ? api(`search?query=${encodeURIComponent(state.query)}`, { method: 'DELETE' }) : api('messages', { method: 'DELETE' }))
  if (!found || state.messages.some(({ ID }) => ID === state.open)) close()
  await load()
}

async function markUnread() {
  const id = state.open
  await api('messages', body('PUT', { IDs: [id], Read: false }))
  close()
}

async function sendTest() {
  await api(
    'send',
    body('POST', {
      From: { Name: 'Mail catcher', Email: 'mail@example.com' },
      To: [{ Name: 'You', Email: 'you@example.com' }],
      Subject: 'It works',
      Text: 'This mail was caught. Nothing is sent on.',
      HTML: '<h1 style="font-family:sans-serif">It works</h1><p style="font-family:sans-serif">This mail was caught. Nothing is sent on.</p>',
    }),
  )
}

const act = (run) => () =>
  run().catch(() => {
    byId('offline').hidden = false
  })
byId('delete-all').addEventListener('click', act(removeAll))
byId('read-all').addEventListener(
  'click',
  act(() => api('messages', body('PUT', { Read: true }))),
)
byId('delete').addEventListener(
  'click',
  act(() => remove(state.open)),
)
byId('mark-unread').addEventListener('click', act(markUnread))
byId('send-test').addEventListener('click', act(sendTest))
byId('back').addEventListener('click', close)
byId('previous').addEventListener('click', () => step(-1))
byId('next').addEventListener('click', () => step(1))
byId('more').addEventListener('click', () => {
  state.limit += PAGE
  load()
})
byId('load-remote').addEventListener('click', () => {
  byId('frame').src = `view/${byId('panel-html').dataset.id}.html?embed=1&remote=1`
  byId('remote').hidden = true
})
for (const name of tabs)
  byId(`tab-${name}`).addEventListener(
    'click',
    act(() => choose(name)),
  )
document.querySelector('[role=tablist]').addEventListener('keydown', (event) => {
  const shown = tabs.filter((name) => !byId(`tab-${name}`).hidden)
  const at = shown.findIndex((name) => byId(`tab-${name}`) === document.activeElement)
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: shown.length - 1 }[event.key]
  if (at < 0 || to === undefined) return
  event.preventDefault()
  const name = shown[(to + shown.length) % shown.length]
  byId(`tab-${name}`).focus()
  choose(name)
})

let typing
byId('query').addEventListener('input', () => {
  clearTimeout(typing)
  typing = setTimeout(() => {
    state.query = byId('query').value.trim()
    state.limit = PAGE
    load()
  }, 150)
})
byId('rows').addEventListener('keydown', (event) => {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key]
  if (!by) return
  const rows = [...document.querySelectorAll('.row')]
  const next = rows[rows.indexOf(document.activeElement) + by]
  if (!next) return
  event.preventDefault()
  next.focus()
})
addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || byId('confirm').open) return
  const inField = event.target instanceof HTMLInputElement
  if (inField) {
    if (event.key === 'Escape') {
      if (byId('query').value === '') byId('query').blur()
      byId('query').value = ''
      byId('query').dispatchEvent(new Event('input'))
    } else if (event.key === 'Enter' || event.key === 'ArrowDown') {
      event.preventDefault()
      document.querySelector('.row')?.focus()
    }
    return
  }
  const keys = {
    '/': () => byId('query').focus(),
    j: () => step(1),
    k: () => step(-1),
    u: () => state.open && act(markUnread)(),
    Delete: () => state.open && act(() => remove(state.open))(),
    Escape: () => state.open && close(),
  }
  const run = keys[event.key]
  if (!run) return
  event.preventDefault()
  run()
})

function follow() {
  const id = decodeURIComponent(location.hash.slice(1))
  if (id && id !== 'messages' && id !== state.open) open(id, { focus: false })
  else if (!id && state.open) close()
}
addEventListener('popstate', follow)

// The stream connects again by itself; each connection begins with a fresh list.
const events = new EventSource('watch')
events.addEventListener('open', load)
events.addEventListener('change', load)
events.addEventListener('error', () => {
  byId('offline').hidden = false
})

async function describe() {
  const { SMTP, Label } = await (await api('webui')).json()
  const host = ['0.0.0.0', '::', '127.0.0.1'].includes(SMTP.host) ? location.hostname : SMTP.host
  byId('smtp').textContent = `${host}:${SMTP.port}`
  byId('example').textContent =
    `curl smtp://${host}:${SMTP.port} --mail-from me@example.com \\\n  --mail-rcpt you@example.com -F '=hello' -H 'Subject: Hello'`
  if (Label) document.querySelector('.top h1').append(` ${Label}`)
}
await Promise.all([load(), describe().catch(() => undefined)])
follow()
