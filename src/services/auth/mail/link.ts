// The links in mails: where they point, and how the token and the target are written into them.
import { queryEscape } from '../request/form.ts'

export type LinkType = 'signup' | 'invite' | 'recovery' | 'magiclink' | 'email_change'

/** `path` is resolved against the external URL and may be absolute. The target is encoded only where it would break the query. */
export function actionLink(externalUrl: string, path: string, hash: string, type: LinkType, target: string): string {
  const base = new URL(path || externalUrl, externalUrl)
  base.search = ''
  base.hash = ''
  const redirect = /[&=#]/.test(target) ? queryEscape(target) : target
  return `${base.href}?token=${queryEscape(hash)}&type=${queryEscape(type)}&redirect_to=${redirect}`
}
