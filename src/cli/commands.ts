// The list of commands: name, one line, and where its file is. A file is loaded when its command runs.
import type { Command } from './command.ts'

export interface CommandEntry {
  readonly name: string
  readonly summary: string
  load(): Promise<Command>
}

export const commands: readonly CommandEntry[] = [
  {
    name: 'serve',
    summary: 'Run one service in the foreground, configured by the variables of its upstream image',
    load: async () => (await import('./serve.ts')).serve,
  },
]
