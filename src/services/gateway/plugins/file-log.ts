// Appends a record of each request to a file. Upstream: Kong's `file-log`.
import { z } from 'zod'
import type { Logger } from '../../../log/log.ts'
import { definePlugin } from '../plugin.ts'
import type { Kept } from '../plugin-state.ts'
import { customFields, written } from '../sinks/custom-fields.ts'
import { LineFile } from '../sinks/line-file.ts'

export const fileLog = definePlugin({
  name: 'file-log',
  priority: 9,
  config: z.strictObject({
    path: z.string().regex(/^[^*&%\\`]+$/, 'not a valid filename'),
    /** The file is found anew for every write anyway. */
    reopen: z.boolean().default(false),
    custom_fields_by_lua: customFields,
  }),
  phases: ({ path, custom_fields_by_lua }, { state, log }) => {
    const file = state.of(LogFiles).get(path, log)
    return { log: (record) => file.write(written(record, custom_fields_by_lua)) }
  },
})

class LogFiles implements Kept {
  readonly #files = new Map<string, LineFile>()

  get(path: string, log: Logger): LineFile {
    const file =
      this.#files.get(path) ??
      new LineFile(path, (error, dropped) => log.error({ err: error, path, dropped }, 'a log file cannot be written'))
    this.#files.set(path, file)
    return file
  }

  async close(): Promise<void> {
    await Promise.all([...this.#files.values()].map((file) => file.flush()))
  }
}
