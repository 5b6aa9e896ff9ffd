// The dashboard: one page that asks the API what is in force.
import { readFileSync } from 'node:fs'
import { respond } from '../answer.ts'
import type { StaticConfig } from '../config/static.ts'
import type { Handle } from '../flight.ts'
import { httpError } from '../go-http.ts'

const CONTENT_SECURITY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'"

export function dashboardHandle({ basePath, dashboardName }: NonNullable<StaticConfig['api']>): Handle {
  const base = basePath.replace(/\/$/, '')
  const file = (name: string) => readFileSync(new URL(`./dashboard/${name}`, import.meta.url))
  const page = file('index.html')
    .toString('utf8')
    .replaceAll('{{name}}', escapeMarkup(dashboardName || 'Gateway'))
    .replaceAll('{{base}}', escapeMarkup(base))
  const files = new Map<string, readonly [string | Buffer, string]>([
    ['', [page, 'text/html; charset=utf-8']],
    ['dashboard.css', [file('dashboard.css'), 'text/css; charset=utf-8']],
    ['dashboard.js', [file('dashboard.mjs'), 'text/javascript; charset=utf-8']],
  ])
  return (flight, answer) => {
    const path = flight.path.startsWith(base) ? flight.path.slice(base.length) : flight.path
    if (path === '' || path === '/' || path === '/dashboard') {
      respond(answer, 302, '', ['Location', `${base}/dashboard/`])
      return
    }
    const found = files.get(path.replace(/^\/dashboard\//, ''))
    if (!found || !path.startsWith('/dashboard/')) return httpError(answer, 404, '404 page not found')
    respond(answer, 200, found[0], [
      'Content-Type',
      found[1],
      'Cache-Control',
      'no-cache',
      'X-Content-Type-Options',
      'nosniff',
      'Content-Security-Policy',
      CONTENT_SECURITY,
    ])
  }
}

function escapeMarkup(text: string): string {
  return text.replace(/[<>&"]/g, (char) => ({ '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&quot;' })[char]!)
}
