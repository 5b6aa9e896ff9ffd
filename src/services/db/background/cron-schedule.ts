// The schedules of pg_cron: five fields as in cron, the @ words, or a number of seconds. Always GMT.

export type Schedule = { readonly every: 'seconds'; readonly seconds: number } | { readonly every: 'minute'; matches(time: Date): boolean }

const WORDS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    '@yearly': '0 0 1 1 *',
    '@annually': '0 0 1 1 *',
    '@monthly': '0 0 1 * *',
    '@weekly': '0 0 * * 0',
    '@daily': '0 0 * * *',
    '@midnight': '0 0 * * *',
    '@hourly': '0 * * * *',
  }),
)
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

/** Undefined for what is no schedule. */
export function parseSchedule(text: string): Schedule | undefined {
  const seconds = /^\s*(\d{1,9})\s+seconds?\s*$/i.exec(text)?.[1]
  if (seconds !== undefined)
    return Number(seconds) >= 1 && Number(seconds) <= 59 ? { every: 'seconds', seconds: Number(seconds) } : undefined
  const trimmed = text.trim()
  const fields = (WORDS.get(trimmed.toLowerCase()) ?? trimmed).split(/\s+/)
  if (fields.length !== 5) return undefined
  const [minuteText, hourText, dayText, monthText, weekdayText] = fields as [string, string, string, string, string]
  const minutes = parseField(minuteText, 0, 59)
  const hours = parseField(hourText, 0, 23)
  const lastDay = dayText === '$'
  const days = lastDay ? new Set<number>() : parseField(dayText, 1, 31)
  const months = parseField(monthText, 1, 12, MONTHS)
  const weekdays = parseField(weekdayText, 0, 7, DAYS)
  if (!minutes || !hours || !days || !months || !weekdays) return undefined
  if (weekdays.has(7)) weekdays.add(0)
  return {
    every: 'minute',
    matches(time) {
      if (!minutes.has(time.getUTCMinutes()) || !hours.has(time.getUTCHours()) || !months.has(time.getUTCMonth() + 1)) return false
      const dayFits = lastDay ? isLastDay(time) : days.has(time.getUTCDate())
      const weekdayFits = weekdays.has(time.getUTCDay())
      // Cron's old rule: where both are given, one of them is enough.
      return dayText.startsWith('*') || weekdayText.startsWith('*') ? dayFits && weekdayFits : dayFits || weekdayFits
    },
  }
}

function isLastDay(time: Date): boolean {
  return new Date(Date.UTC(time.getUTCFullYear(), time.getUTCMonth(), time.getUTCDate() + 1)).getUTCDate() === 1
}

function parseField(text: string, low: number, high: number, names: readonly string[] = []): Set<number> | undefined {
  const values = new Set<number>()
  for (const item of text.toLowerCase().split(',')) {
    const part = /^(?:(\*)|([0-9a-z]+)(?:-([0-9a-z]+))?)(?:\/([0-9]{1,3}))?$/.exec(item)
    if (!part) return undefined
    const [, star, firstText, lastText, stepText] = part
    const first = star ? low : numberOf(firstText, low, names)
    const last = star ? high : lastText === undefined ? first : numberOf(lastText, low, names)
    const step = stepText === undefined ? 1 : Number(stepText)
    if (first === undefined || last === undefined || first < low || last > high || last < first || step === 0) return undefined
    for (let value = first; value <= last; value += step) values.add(value)
  }
  return values
}

function numberOf(text: string | undefined, low: number, names: readonly string[]): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,3}$/.test(text)) return Number(text)
  const index = names.indexOf(text)
  return index < 0 ? undefined : index + low
}
