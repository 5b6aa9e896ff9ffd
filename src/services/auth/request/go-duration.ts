// Durations of bodies (`ban_duration`) in Go's syntax, with Go's words when they are none.
import { parseDuration } from '../../../env/types.ts'
import { errors } from '../errors.ts'

/** Milliseconds; 0 for `none`; undefined when absent. Throws `validation_failed`. */
export function acceptBan(text: string): number | undefined {
  if (text === '') return undefined
  if (text === 'none') return 0
  const negative = text.startsWith('-')
  const ms = parseDuration(text.replace(/^[-+]/, ''))
  if (ms !== undefined) return negative ? -ms : ms
  const quoted = JSON.stringify(text)
  const unit = /^[-+]?[\d.]+([^\d.]+)/.exec(text)?.[1]
  const why =
    unit !== undefined
      ? `unknown unit ${JSON.stringify(unit)} in duration ${quoted}`
      : /^[-+]?\d+(\.\d+)?$/.test(text)
        ? `missing unit in duration ${quoted}`
        : `invalid duration ${quoted}`
  throw errors.validation(`invalid format for ban duration: time: ${why}`)
}
