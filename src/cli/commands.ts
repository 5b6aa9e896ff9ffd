// The list of commands: name, one line, and where its file is. A file is loaded when its command runs.
import type { Command } from './command.ts'

export interface CommandEntry {
  readonly name: string
  readonly summary: string
  load(): Promise<Command>
}

const entry = (name: string, summary: string, load: () => Promise<Command>): CommandEntry => ({ name, summary, load })

export const commands: readonly CommandEntry[] = [
  entry('serve', 'Run one service in the foreground, configured by its upstream variables', async () => (await import('./serve.ts')).serve),
]
