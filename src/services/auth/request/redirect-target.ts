// Where a person is sent after a link: the first allowed of header, query or form, and Referer; else SITE_URL. There is no open redirect.
import { isIP } from 'node:net'
import { type Call, formValue, header } from './call.ts'
import { compileGlob } from './glob.ts'

export interface RedirectRules {
  readonly siteUrl: string
  readonly allowed: (url: string) => boolean
}

export function redirectRules(siteUrl: string, allowList: readonly string[]): RedirectRules {
  const globs = allowList.map(compileGlob)
  const site = split(siteUrl)
  return { siteUrl, allowed: (url) => isAllowed(url, site, globs) }
}

export function redirectTarget(call: Call, rules: RedirectRules): string {
  const asked = header(call, 'redirect_to') || formValue(call, 'redirect_to')
  if (rules.allowed(asked)) return asked
  const referer = header(call, 'referer')
  return rules.allowed(referer) ? referer : rules.siteUrl
}

interface Parts {
  readonly scheme: string
  readonly host: string
  readonly port: string
}

// Go's net/url: the host keeps its case, brackets of IPv6 are cut, a scheme may be missing.
const URL_PARTS = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/(?:([^/?#]*)@)?(\[[^\]/?#]*\]|[^/?#:]*)(?::(\d*))?(?=[/?#]|$))?/

function split(url: string): Parts | undefined {
  const match = URL_PARTS.exec(url)
  if (!match || (/^[^/?#]*:\/\//.test(url) && match[0] === '')) return undefined
  const [, scheme = '', , host = '', port = ''] = match
  return { scheme: scheme.toLowerCase(), host: host.replace(/^\[(.*)\]$/, '$1'), port }
}

const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)

function isAllowed(url: string, site: Parts | undefined, globs: readonly ((text: string) => boolean)[]): boolean {
  if (url === '' || hasControl(url) || !site) return false
  const target = split(url)
  const isHttp = /^https?:/i.test(url)
  if (isHttp && (!target || !browsersAgree(url, target))) return false
  if (target) {
    const { scheme, host, port } = target
    if (host === site.host && scheme === site.scheme && (port === site.port || isLoopback(host))) return true
    if (/^[0-9]+$/.test(host)) return false
    if (isIP(host) !== 0) return isLoopback(host)
    if (isHttp && !/^[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?$/.test(host)) return false
  }
  const withoutFragment = url.split('#', 1)[0]!
  return globs.some((matches) => matches(withoutFragment))
}

const hasControl = (url: string): boolean => /[\u0000-\u0020\u007f]/.test(url)

/** A browser must see the same host: a backslash, for one, ends the host there but not in Go. */
function browsersAgree(url: string, { host }: Parts): boolean {
  if (url.includes('\\') || !URL.canParse(url)) return false
  const seen = new URL(url).hostname.replace(/^\[(.*)\]$/, '$1')
  return seen === host.toLowerCase() || isIP(seen) !== 0
}
