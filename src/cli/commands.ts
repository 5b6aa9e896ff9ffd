// The list of commands: name, one line, and where its file is. A file is loaded when its command runs.
import type { Command } from './command.ts'
import { hostedCommands, projectCommands } from './project-commands.ts'

export interface CommandEntry {
  readonly name: string
  readonly summary: string
  /** Known, but not listed. */
  readonly hidden?: boolean
  load(): Promise<Command>
}

const entry = (name: string, summary: string, load: () => Promise<Command>): CommandEntry => ({ name, summary, load })

export const commands: readonly CommandEntry[] = [
  entry('up', 'Start the stack in the foreground and show its logs; Ctrl-C stops it', async () => (await import('./up.ts')).up),
  entry('start', 'Start the stack in the background; returns when everything is healthy', async () => (await import('./start.ts')).start),
  entry('stop', 'Stop the stack; data stays unless --no-backup is given', async () => (await import('./stop.ts')).stop),
  entry('status', 'Show the URLs and keys of the running stack', async () => (await import('./status.ts')).status),
  entry('logs', 'Show the logs of the stack or of one service', async () => (await import('./logs.ts')).logs),
  entry('serve', 'Run one service in the foreground, configured by its upstream variables', async () => (await import('./serve.ts')).serve),
  entry('db reset', 'Make the local database anew, with all migrations and seeds', async () => (await import('./db-reset.ts')).dbReset),
  entry(
    'db drop-slots',
    'Drop replication slots of realtime that nobody reads, in a stack without realtime',
    async () => (await import('./db-drop-slots.ts')).dbDropSlots,
  ),
  entry('keys', 'Show the keys of a self-hosted stack, make missing ones, or rotate them', async () => (await import('./keys.ts')).keys),
  entry(
    'storage check',
    'Compare the objects of Storage with the files of its backend, and mend what differs',
    async () => (await import('./storage-check.ts')).storageCheck,
  ),
  ...projectCommands,
  ...hostedCommands,
]
