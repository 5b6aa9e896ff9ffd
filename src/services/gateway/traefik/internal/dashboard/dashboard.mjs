// Shows what the API says, and asks again every few seconds. Everything is written as text, never as markup.
const base = document.body.dataset.base ?? ''
const EVERY_MS = 5000
const found = (id) => document.getElementById(id)

/** An element with attributes and children; texts become text nodes. */
function el(name, attributes = {}, ...children) {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  element.append(...children)
  return element
}

async function ask(path) {
  const response = await fetch(`${base}/api/${path}`, { headers: { accept: 'application/json' } })
  if (!response.ok) throw new Error(`the API answered ${response.status}`)
  return response.json()
}

const state = (status, errors = []) =>
  el('td', {}, el('span', { class: `state ${status}` }, status), ...errors.map((reason) => el('span', { class: 'reason' }, reason)))
const words = (list = []) => el('td', {}, list.length > 0 ? list.join(', ') : el('span', { class: 'empty' }, 'none'))
const code = (text) => el('td', {}, el('code', {}, text))

function card(title, { total, warnings, errors }) {
  const notes = [
    errors > 0 ? el('span', { class: 'bad' }, `${errors} with errors`) : undefined,
    warnings > 0 ? el('span', { class: 'warn' }, `${warnings} with warnings`) : undefined,
  ].filter(Boolean)
  return el('div', { class: 'card' }, el('strong', {}, String(total)), el('span', {}, title), ...notes.flatMap((note) => [el('br'), note]))
}

const rows = {
  routers: (item) => [
    state(item.status, item.error),
    code(item.rule ?? ''),
    words(item.using ?? item.entryPoints),
    el('td', {}, item.name),
    words(item.middlewares),
    el('td', {}, item.service ?? ''),
    el('td', { class: 'number' }, item.priority > 1e12 ? 'top' : String(item.priority)),
  ],
  services: (item) => [
    state(item.status, item.error),
    el('td', {}, item.name),
    el('td', {}, item.type ?? ''),
    el(
      'td',
      {},
      ...Object.entries(item.serverStatus ?? {}).map(([url, status]) =>
        el('div', {}, el('span', { class: `state ${status}` }, status), ' ', el('code', {}, url)),
      ),
    ),
    words(item.usedBy),
  ],
  middlewares: (item) => [
    state(item.status, item.error),
    el('td', {}, item.name),
    el('td', {}, item.type ?? ''),
    code(optionsOf(item)),
    words(item.usedBy),
  ],
}

const ABOUT = new Set(['name', 'provider', 'type', 'status', 'usedBy', 'error'])

function optionsOf(item) {
  const options = Object.entries(item).find(([key, value]) => !ABOUT.has(key) && typeof value === 'object')
  return options ? JSON.stringify(options[1]) : ''
}

let known = { routers: [], services: [], middlewares: [] }

function show() {
  const text = found('search').value.trim().toLowerCase()
  const status = found('status').value
  for (const kind of Object.keys(rows)) {
    const items = known[kind].filter(
      (item) =>
        (status === '' || item.status === status) &&
        (text === '' || [item.name, item.rule, item.service].some((part) => part?.toLowerCase().includes(text))),
    )
    const body = found(kind)
    const columns = body.parentElement.querySelectorAll('th').length
    body.replaceChildren(
      ...(items.length > 0
        ? items.map((item) => el('tr', {}, ...rows[kind](item)))
        : [el('tr', {}, el('td', { class: 'empty', colspan: String(columns) }, 'None.'))]),
    )
  }
}

async function refresh() {
  try {
    const [overview, version, entryPoints, routers, services, middlewares] = await Promise.all(
      [
        'overview',
        'version',
        'entrypoints',
        'http/routers?per_page=1000',
        'http/services?per_page=1000',
        'http/middlewares?per_page=1000',
      ].map(ask),
    )
    known = { routers, services, middlewares }
    found('failure').hidden = true
    found('version').textContent = `as Traefik ${version.Version}, running since ${new Date(version.startDate).toLocaleString()}`
    found('overview').replaceChildren(
      card('routers', overview.http.routers),
      card('services', overview.http.services),
      card('middlewares', overview.http.middlewares),
    )
    found('entrypoints').replaceChildren(
      ...entryPoints.map(({ name, address }) => el('li', {}, el('strong', {}, name), ' ', el('code', {}, address))),
    )
    show()
  } catch (error) {
    found('failure').textContent = `Cannot show the state: ${error.message}.`
    found('failure').hidden = false
  }
}

found('search').addEventListener('input', show)
found('status').addEventListener('change', show)
await refresh()
setInterval(refresh, EVERY_MS)
