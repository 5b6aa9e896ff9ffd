// Every path of the mail catcher, and the one place that turns an error into an answer.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Handler } from '../../../http/handler.ts'
import type { CheckLogin } from '../credentials.ts'
import { MailError, type MailState, type Route, sendJson, sendText } from './exchange.ts'
import { answersTo } from './hosts.ts'
import { deleteMessage, listMailbox, purgeMailbox, showMessage, showSource } from './inbucket.ts'
import { alive, info, watch, webUi } from './info.ts'
import { getHeaders, getMessage, getPart, getRaw } from './message.ts'
import { deleteMessages, deleteSearch, listMessages, searchMessages, setReadState } from './messages.ts'
import { pageRoutes } from './page.ts'
import { sendMessage } from './send.ts'
import { deleteTag, listTags, renameTag, setTags } from './tags.ts'
import { view } from './view.ts'

const table: readonly (readonly [method: string, path: string, route: Route])[] = [
  ['GET', '/api/v1/messages', listMessages],
  ['PUT', '/api/v1/messages', setReadState],
  ['DELETE', '/api/v1/messages', deleteMessages],
  ['GET', '/api/v1/search', searchMessages],
  ['DELETE', '/api/v1/search', deleteSearch],
  ['GET', '/api/v1/message/:id', getMessage],
  ['GET', '/api/v1/message/:id/headers', getHeaders],
  ['GET', '/api/v1/message/:id/raw', getRaw],
  ['GET', '/api/v1/message/:id/part/:part', getPart],
  ['POST', '/api/v1/send', sendMessage],
  ['GET', '/api/v1/tags', listTags],
  ['PUT', '/api/v1/tags', setTags],
  ['PUT', '/api/v1/tags/:tag', renameTag],
  ['DELETE', '/api/v1/tags/:tag', deleteTag],
  ['GET', '/api/v1/info', info],
  ['GET', '/api/v1/webui', webUi],
  ['GET', '/api/v1/mailbox/:name', listMailbox],
  ['DELETE', '/api/v1/mailbox/:name', purgeMailbox],
  ['GET', '/api/v1/mailbox/:name/:id', showMessage],
  ['DELETE', '/api/v1/mailbox/:name/:id', deleteMessage],
  ['GET', '/api/v1/mailbox/:name/:id/source', showSource],
  ['GET', '/view/:file', view],
  ['GET', '/watch', watch],
  ['GET', '/livez', alive],
  ['GET', '/readyz', alive],
]

interface Entry {
  readonly method: string
  readonly parts: readonly string[]
  readonly route: Route
}

export function mailHandler(state: MailState, checkLogin: CheckLogin | undefined): Handler {
  const entries: readonly Entry[] = [...table, ...pageRoutes().map(([path, route]) => ['GET', path, route] as const)].map(
    ([method, path, route]) => ({ method, parts: path.split('/').slice(1), route }),
  )
  const { MP_WEBROOT: root, MP_API_CORS: cors, MP_ALLOWED_HOSTS: hosts } = state.env

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    res.setHeader('x-content-type-options', 'nosniff')
    res.setHeader('referrer-policy', 'no-referrer')
    res.setHeader('x-dns-prefetch-control', 'off')
    res.setHeader('cache-control', 'no-store')
    res.setHeader('content-security-policy', "default-src 'none'; frame-ancestors 'self'; sandbox")
    const base = `http://${req.headers.host ?? 'localhost'}`
    // Joined as text: a path that begins with two slashes names no host.
    const target = req.url?.startsWith('/') ? base + req.url : (req.url ?? base)
    if (!URL.canParse(target)) throw new MailError(400, 'Bad request')
    const url = new URL(target)
    if (!answersTo(url, hosts, req.socket.localAddress))
      throw new MailError(403, 'Host not allowed (MP_ALLOWED_HOSTS names those that are)')
    const path = url.pathname.startsWith(root) ? `/${url.pathname.slice(root.length)}` : undefined
    if (path === undefined) {
      // `/livez` and `/readyz` are asked for by schedulers that know nothing of the webroot.
      if (url.pathname === '/livez' || url.pathname === '/readyz') return sendText(res, 'ok')
      if (`${url.pathname}/` === root || url.pathname === '/') {
        res.writeHead(302, { location: root }).end()
        return
      }
      throw new MailError(404, '404 page not found')
    }
    if (cors !== undefined && path.startsWith('/api/')) {
      res.setHeader('access-control-allow-origin', cors)
      res.setHeader('access-control-allow-methods', 'GET, POST, PUT, DELETE, OPTIONS')
      res.setHeader('access-control-allow-headers', '*')
    }
    if (req.method === 'OPTIONS') return sendText(res, '')
    if (checkLogin && path !== '/livez' && path !== '/readyz' && !(await mayPass(req, checkLogin))) {
      res.setHeader('www-authenticate', 'Basic realm="Login"')
      throw new MailError(401, 'Unauthorised.\n')
    }
    const method = req.method === 'HEAD' ? 'GET' : req.method
    const parts = path.split('/').slice(1)
    const here = entries.flatMap((entry) => {
      const params = paramsOf(entry.parts, parts)
      return params ? [{ ...entry, params }] : []
    })
    const entry = here.find((candidate) => candidate.method === method)
    if (!entry) {
      if (here.length === 0) throw new MailError(404, '404 page not found')
      res.setHeader('allow', here.map((candidate) => candidate.method).join(', '))
      throw new MailError(405, 'Method Not Allowed')
    }
    await entry.route({ req, res, url, params: entry.params, state })
  }

  return (req, res) => {
    answer(req, res).catch((error: unknown) => refuse(error, res, state))
  }
}

function refuse(error: unknown, res: ServerResponse, { log }: MailState): void {
  if (res.headersSent) {
    res.destroy()
    return
  }
  if (error instanceof MailError) {
    if (error.status === 413) res.setHeader('connection', 'close')
    if (error.json) sendJson(res, { Error: error.message }, error.status)
    else sendText(res, error.message, error.status)
    return
  }
  log.error({ err: error }, 'a request failed')
  sendText(res, 'Internal Server Error', 500)
}

function paramsOf(pattern: readonly string[], parts: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== parts.length) return undefined
  const params: Record<string, string> = {}
  for (const [index, expected] of pattern.entries()) {
    const actual = parts[index]!
    if (expected.startsWith(':')) {
      if (actual === '') return undefined
      try {
        params[expected.slice(1)] = decodeURIComponent(actual)
      } catch {
        // No path of ours has a broken percent sequence.
        return undefined
      }
    } else if (expected !== actual) return undefined
  }
  return params
}

async function mayPass(req: IncomingMessage, checkLogin: CheckLogin): Promise<boolean> {
  const encoded = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(req.headers.authorization ?? '')?.[1]
  if (encoded === undefined) return false
  const login = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = login.indexOf(':')
  return colon > 0 && checkLogin(login.slice(0, colon), login.slice(colon + 1))
}
