// The fixed windows that requests are counted in: aligned to the clock, in UTC.

export const PERIODS = ['second', 'minute', 'hour', 'day', 'month', 'year'] as const
export type Period = (typeof PERIODS)[number]

const FIXED_MS = { second: 1000, minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const

/** Beginning and end, in milliseconds since 1970. */
export function windowAt(period: Period, now: number): { readonly start: number; readonly end: number } {
  if (period === 'month' || period === 'year') {
    const at = new Date(now)
    const [year, month] = [at.getUTCFullYear(), period === 'year' ? 0 : at.getUTCMonth()]
    return { start: Date.UTC(year, month), end: period === 'year' ? Date.UTC(year + 1, 0) : Date.UTC(year, month + 1) }
  }
  const length = FIXED_MS[period]
  const start = Math.floor(now / length) * length
  return { start, end: start + length }
}

/** Every limit that is lower than one of a shorter period, in Kong's words; limits by period. */
export function contradictions(limits: Readonly<Partial<Record<Period, number | undefined>>>, noun = ''): string[] {
  const found: string[] = []
  for (const [i, longer] of PERIODS.entries())
    for (const shorter of PERIODS.slice(0, i)) {
      const [high, low] = [limits[longer], limits[shorter]]
      if (high !== undefined && low !== undefined && high < low)
        found.push(`The limit for ${noun}${longer}(${shown(high)}) cannot be lower than the limit for ${noun}${shorter}(${shown(low)})`)
    }
  return found
}

const shown = (limit: number): string => (Number.isInteger(limit) ? limit.toFixed(1) : String(limit))
