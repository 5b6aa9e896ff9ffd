// The page: three files of ours, read once.
import { readFileSync } from 'node:fs'
import type { Exchange, Route } from './exchange.ts'

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

const files = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
  '/page.mjs': ['page.mjs', 'text/javascript; charset=utf-8'],
  '/icon.svg': ['icon.svg', 'image/svg+xml'],
} as const

export function pageRoutes(): readonly (readonly [path: string, route: Route])[] {
  return Object.entries(files).map(([path, [name, type]]) => {
    const body = readFileSync(new URL(`../page/${name}`, import.meta.url))
    const route = ({ res }: Exchange): void => {
      res
        .writeHead(200, {
          'content-type': type,
          'content-length': body.length,
          'cache-control': 'no-cache',
          'content-security-policy': POLICY,
        })
        .end(body)
    }
    return [path, route] as const
  })
}
