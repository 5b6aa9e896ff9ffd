// Which plugins a file may use (KONG_PLUGINS): `bundled` for those that come with the gateway, or names. A name that is neither ours nor
// Kong's is a third party's: a module of that name in the folder of plugins, or the package `plinth-plugin-NAME`.
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import type { Plugin } from '../plugin.ts'
import { plugins } from './index.ts'
import { isOfKong } from './of-kong.ts'

/** A plugin that was asked for and cannot be had. */
export class PluginLoadError extends Error {}

export function enabledPlugins(names: readonly string[], others: readonly Plugin[] = []): Map<string, Plugin> {
  const bundled = names.includes('bundled')
  const ours = [...plugins].filter(([name]) => bundled || names.includes(name))
  return new Map([...ours, ...others.map((plugin) => [plugin.name, plugin] as const)])
}

/** Loads the third parties' ones among the names. `folder`: where their modules lie; packages are found from there too. Throws PluginLoadError. */
export async function loadPlugins(names: readonly string[], folder: string): Promise<Plugin[]> {
  const foreign = names.filter((name) => name !== 'bundled' && name !== 'off' && !plugins.has(name) && !isOfKong(name))
  return Promise.all(foreign.map((name) => loadPlugin(name, resolve(folder))))
}

const NAME = /^[a-z0-9][a-z0-9_-]*$/i

const shape = z.object({
  name: z.string(),
  priority: z.number(),
  takesConsumer: z.boolean(),
  config: z.custom<z.ZodType>((value) => typeof value === 'object' && value !== null && 'safeParse' in value),
  compile: z.custom<Plugin['compile']>((value) => typeof value === 'function'),
})

async function loadPlugin(name: string, folder: string): Promise<Plugin> {
  if (!NAME.test(name)) throw new PluginLoadError(`KONG_PLUGINS: '${name}' is no name of a plugin`)
  const module = await importFirst(
    name,
    [...['.js', '.mjs', '.ts', '/index.js', '/index.mjs'].map((end) => join(folder, `${name}${end}`))],
    folder,
  )
  const checked = shape.safeParse('plugin' in module ? module.plugin : undefined)
  if (!checked.success)
    throw new PluginLoadError(`KONG_PLUGINS: the module of '${name}' exports no 'plugin' made by definePlugin of plinth/gateway-plugin`)
  if (checked.data.name !== name) throw new PluginLoadError(`KONG_PLUGINS: the module of '${name}' calls its plugin '${checked.data.name}'`)
  return checked.data
}

async function importFirst(name: string, files: readonly string[], folder: string): Promise<object> {
  for (const file of files) {
    try {
      return (await import(pathToFileURL(file).href)) as object
    } catch (error) {
      // Only a file that is not there leads on; one with a mistake is told.
      if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND' || !(error as Error).message.includes(file))
        throw failed(name, error)
    }
  }
  try {
    const found = createRequire(join(folder, 'plugins')).resolve(`plinth-plugin-${name}`)
    return (await import(pathToFileURL(found).href)) as object
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw failed(name, error)
    throw new PluginLoadError(
      `KONG_PLUGINS: plugin '${name}' is enabled but not installed: there is no ${name}.js in ${folder} (PLINTH_GATEWAY_PLUGIN_DIR), and no package plinth-plugin-${name}`,
    )
  }
}

const failed = (name: string, error: unknown): PluginLoadError =>
  new PluginLoadError(`KONG_PLUGINS: plugin '${name}' cannot be loaded: ${(error as Error).message}`, { cause: error })
