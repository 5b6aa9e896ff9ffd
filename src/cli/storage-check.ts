// `plinth storage check`: finds files that no object speaks of and objects whose file is gone, and mends them when asked to.
import { EnvError, readEnv } from '../env/read.ts'
import type { Environment } from '../service/definition.ts'
import type { StorageReport } from '../services/storage/housekeeping/check-storage.ts'
import { describeStack } from '../stack/describe.ts'
import { CliError, type Command, flagOn, flagText, type Invocation } from './command.ts'
import { liveStack, workDirOf } from './stack-link.ts'

/** Of each kind, on a terminal. `-o json` has all. */
const SHOWN = 20
const HOUR_MS = 3_600_000
const TELL_MS = 1_000

export const storageCheck: Command = {
  name: 'storage check',
  summary: 'Compare the objects of Storage with the files of its backend, and mend what differs',
  flags: [
    {
      name: 'repair',
      kind: 'boolean',
      help: 'remove files that no object speaks of, objects whose file is gone, and uploads that never ended',
    },
    { name: 'dry-run', kind: 'boolean', help: 'only tell what would be done (default)' },
    { name: 'older-than', kind: 'string', value: 'HOURS', default: '24', help: 'leave files alone that are younger' },
    { name: 'force', kind: 'boolean', help: 'repair even where most objects have lost their files' },
  ],
  exclusive: [['repair', 'dry-run']],
  endsItself: true,
  async run(invocation) {
    const { flags, io, signal } = invocation
    const hours = Number(flagText(flags, 'older-than'))
    if (!Number.isFinite(hours) || hours < 0) throw new CliError('--older-than takes a number of hours')
    const { storageEnv } = await import('../services/storage/env.ts')
    const { checkStorage, TooManyLost } = await import('../services/storage/housekeeping/check-storage.ts')
    const given = await storageVariables(invocation)
    let told = performance.now()
    const progress = (phase: string, count: number) => {
      if (performance.now() - told < TELL_MS) return
      told = performance.now()
      io.err(`${phase}: ${count}\n`)
    }
    try {
      const report = await checkStorage(readEnv(storageEnv, given), {
        olderThanMs: hours * HOUR_MS,
        repair: flagOn(flags, 'repair'),
        force: flagOn(flags, 'force'),
        progress,
        signal,
      })
      io.out(flagText(flags, 'output') === 'json' ? `${JSON.stringify(report, null, 2)}\n` : textOf(report))
      const found = report.filesWithoutRow.length + report.rowsWithoutFile.length + report.uploads.length
      return found > 0 && !report.mended ? 1 : 0
    } catch (error) {
      if (error instanceof TooManyLost)
        throw new CliError(error.message, { suggestion: 'If they really are gone, add --force.', cause: error })
      if (error instanceof EnvError) throw new CliError(error.message, { cause: error })
      if (signal.aborted) throw new CliError('Stopped. What was mended by then stays mended.', { cause: error })
      throw error
    }
  },
}

/** Those of `serve storage` where the environment has them, else those of the running stack of the folder. */
async function storageVariables(invocation: Invocation): Promise<Environment> {
  const { env } = invocation
  if (env['STORAGE_BACKEND'] && (env['DATABASE_URL'] || env['DATABASE_URL_FILE'])) return env
  const workDir = workDirOf(invocation)
  const live = await liveStack(workDir)
  const description = live && (await describeStack({ workDir, env, exclude: [], report: () => undefined }))
  const node = description?.nodes.find(({ kind }) => kind === 'storage')
  if (!node) {
    throw new CliError(live ? 'The running stack has no storage.' : 'No stack is running in this folder.', {
      suggestion: 'Start it with plinth start, or set the variables of plinth serve storage (STORAGE_BACKEND, DATABASE_URL, ...).',
    })
  }
  return node.env
}

const megabytes = (bytes: number): string => `${(bytes / 1_000_000).toFixed(1)} MB`
const counted = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`

function textOf({ files, rows, filesWithoutRow, rowsWithoutFile, uploads, mended }: StorageReport): string {
  const bytes = filesWithoutRow.reduce((sum, { size }) => sum + size, 0)
  const lines = [
    `${counted(rows, 'object', 'objects')}, ${counted(files, 'file', 'files')}`,
    ...section(
      `${counted(filesWithoutRow.length, 'file', 'files')} without an object (${megabytes(bytes)})`,
      filesWithoutRow.map(({ bucket, name, version, size }) => `${bucket}/${name} ${version} ${megabytes(size)}`),
    ),
    ...section(
      `${counted(rowsWithoutFile.length, 'object', 'objects')} without a file`,
      rowsWithoutFile.map(({ bucket, name, version }) => `${bucket}/${name} ${version}`),
    ),
    ...section(
      `${counted(uploads.length, 'upload', 'uploads')} in parts that nobody knows`,
      uploads.map(({ uploadId, key }) => `${uploadId} ${key}`),
    ),
  ]
  if (mended) {
    const removed = [
      counted(mended.files, 'file', 'files'),
      counted(mended.rows, 'object', 'objects'),
      counted(mended.uploads, 'upload', 'uploads'),
    ]
    lines.push(`Removed ${removed.join(', ')}; settled ${counted(mended.settled, 'note', 'notes')} of work that was cut off.`)
  } else if (filesWithoutRow.length + rowsWithoutFile.length + uploads.length > 0) {
    lines.push('Nothing was changed. Mend it with --repair.')
  }
  return `${lines.join('\n')}\n`
}

const section = (title: string, entries: readonly string[]): string[] => [
  title,
  ...entries.slice(0, SHOWN).map((entry) => `  ${entry}`),
  ...(entries.length > SHOWN ? [`  and ${entries.length - SHOWN} more`] : []),
]
