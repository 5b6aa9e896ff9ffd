// Which plugins a file may use (KONG_PLUGINS): `bundled` for those that come with the gateway, or names.
import type { Plugin } from '../plugin.ts'
import { plugins } from './index.ts'

export function enabledPlugins(names: readonly string[]): Map<string, Plugin> {
  const bundled = names.includes('bundled')
  return new Map([...plugins].filter(([name]) => bundled || names.includes(name)))
}
