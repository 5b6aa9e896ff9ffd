// What one value cannot say by itself: required keys of services that are on, files that must be there. Works on the tree as it is
// after merging, so that these problems are named beside those of single values.
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { MAIL_NOTIFICATIONS, MAIL_TEMPLATES } from './auth/email.ts'
import { at, isTree, type Tree } from './tree.ts'

export interface Folders {
  readonly workDir: string
  readonly supabaseDir: string
}

const under = (folder: string, path: string): string => (isAbsolute(path) ? path : join(folder, path))
const read = (tree: Tree, path: string): unknown => at(tree, path.split('.'))
const isOn = (tree: Tree, path: string): boolean => /^(true|t|1)$/i.test(String(read(tree, path) ?? ''))
const isEmpty = (value: unknown): boolean => value === undefined || value === '' || value === 0 || value === '0'
const textAt = (tree: Tree, path: string): string | undefined => {
  const value = read(tree, path)
  return typeof value === 'string' && value !== '' ? value : undefined
}

export function checkWhole(tree: Tree, folders: Folders): string[] {
  const problems: string[] = []
  for (const service of ['api', 'studio', 'inbucket']) {
    if (isOn(tree, `${service}.enabled`) && isEmpty(read(tree, `${service}.port`))) {
      problems.push(`Missing required field in config: ${service}.port`)
    }
  }
  problems.push(...checkTls(tree, folders))
  if (isOn(tree, 'auth.enabled')) problems.push(...checkAuth(tree, folders))
  return problems
}

function checkTls(tree: Tree, folders: Folders): string[] {
  if (!isOn(tree, 'api.tls.enabled')) return []
  const paths = ['api.tls.cert_path', 'api.tls.key_path'].map((name) => ({ name, path: textAt(tree, name) }))
  const missing = paths.filter(({ path }) => path === undefined)
  if (missing.length === 2) return []
  if (missing.length === 1) return [`Missing required field in config: ${missing[0]!.name}`]
  return paths.flatMap(({ name, path }) => {
    const wrong = unreadable(under(folders.supabaseDir, path!))
    return wrong === undefined ? [] : [`failed to read ${name}: ${wrong}`]
  })
}

function checkAuth(tree: Tree, folders: Folders): string[] {
  const problems: string[] = []
  if (isEmpty(read(tree, 'auth.site_url'))) problems.push('Missing required field in config: auth.site_url')
  if (isOn(tree, 'auth.passkey.enabled')) {
    if (!isTree(read(tree, 'auth.webauthn'))) {
      problems.push('Missing required config section: auth.webauthn (required when auth.passkey.enabled is true)')
    } else {
      for (const key of ['rp_id', 'rp_origins']) {
        const value = read(tree, `auth.webauthn.${key}`)
        if (isEmpty(value) || (Array.isArray(value) && value.length === 0)) {
          problems.push(`Missing required field in config: auth.webauthn.${key}`)
        }
      }
    }
  }
  const keys = textAt(tree, 'auth.signing_keys_path')
  if (keys !== undefined) problems.push(...checkSigningKeys(under(folders.supabaseDir, keys)))
  for (const name of MAIL_TEMPLATES) {
    const key = `auth.email.template.${name}.content_path`
    const path = textAt(tree, key)
    const wrong = path === undefined ? undefined : unreadable(under(folders.workDir, path))
    if (wrong !== undefined) problems.push(`Invalid config for ${key}: ${wrong}`)
  }
  for (const name of MAIL_NOTIFICATIONS) {
    const key = `auth.email.notification.${name}.content_path`
    const path = textAt(tree, key)
    if (path === undefined || !isOn(tree, `auth.email.notification.${name}.enabled`)) continue
    const wrong = unreadable(notificationPath(path, folders))
    if (wrong !== undefined) problems.push(`Invalid config for ${key}: ${wrong}`)
  }
  return problems
}

/** Relative to supabase/ up to release 2, to the project folder since: the place that has the file wins. */
export function notificationPath(path: string, folders: Folders): string {
  const older = under(folders.supabaseDir, path)
  const newer = under(folders.workDir, path)
  return !existsSync(older) && existsSync(newer) ? newer : older
}

function checkSigningKeys(path: string): string[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    return [`failed to read signing keys: ${reason(error, path)}`]
  }
  try {
    const keys: unknown = JSON.parse(text)
    if (Array.isArray(keys) && keys.every((key) => isTree(key) && typeof key['kty'] === 'string')) return []
    return ['failed to decode signing keys: expected an array of JSON web keys']
  } catch {
    // The parser's own message would repeat parts of the file, which holds private keys.
    return ['failed to decode signing keys: the file is not JSON']
  }
}

function unreadable(path: string): string | undefined {
  try {
    accessSync(path, constants.R_OK)
    return undefined
  } catch (error) {
    return reason(error, path)
  }
}

function reason(error: unknown, path: string): string {
  const { code } = error as NodeJS.ErrnoException
  const words = code === 'ENOENT' ? 'no such file or directory' : code === 'EACCES' ? 'permission denied' : String(code)
  return `open ${path}: ${words}`
}
