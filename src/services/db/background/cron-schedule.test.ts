import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseSchedule } from './cron-schedule.ts'

test.each([
  // schedule            time                     due
  ['* * * * *', '2026-11-23T20:45:00Z', true],
  ['45 20 * * *', '2026-11-23T20:45:00Z', true],
  ['45 20 * * *', '2026-11-23T20:46:00Z', false],
  ['*/15 * * * *', '2026-11-23T20:45:00Z', true],
  ['*/15 * * * *', '2026-11-23T20:44:00Z', false],
  ['0-10/5,30 * * * *', '2026-11-23T20:05:00Z', true],
  ['0-10/5,30 * * * *', '2026-11-23T20:30:00Z', true],
  ['0-10/5,30 * * * *', '2026-11-23T20:15:00Z', false],
  ['0 0 * * 1', '2026-11-23T00:00:00Z', true], // a Monday
  ['0 0 * * mon', '2026-11-23T00:00:00Z', true],
  ['0 0 * * 7', '2026-11-22T00:00:00Z', true],
  ['0 0 * * SUN', '2026-11-22T00:00:00Z', true],
  ['0 0 * nov *', '2026-11-22T00:00:00Z', true],
  ['0 0 1 * 1', '2026-11-23T00:00:00Z', true], // either day is enough
  ['0 0 1 * 1', '2026-11-24T00:00:00Z', false],
  ['0 0 $ * *', '2028-02-29T00:00:00Z', true],
  ['0 0 $ * *', '2027-02-27T00:00:00Z', false],
  ['@hourly', '2026-11-23T20:00:00Z', true],
  ['@yearly', '2026-01-01T00:00:00Z', true],
  ['@weekly', '2026-11-23T00:00:00Z', false],
])('%s at %s is due: %s', (text, time, due) => {
  const schedule = parseSchedule(text)
  expect(schedule?.every === 'minute' && schedule.matches(new Date(time))).toBe(due)
})

test.each([
  ['1 second', 1],
  ['59 seconds', 59],
  [' 30 SECONDS ', 30],
])('%s is every %i seconds', (text, seconds) => {
  expect(parseSchedule(text)).toEqual({ every: 'seconds', seconds })
})

test.each([
  '',
  '60 seconds',
  '0 seconds',
  '* * * *',
  '* * * * * *',
  '60 * * * *',
  '* 24 * * *',
  '* * 0 * *',
  '* * * 13 *',
  '* * * * 8',
  '5-1 * * * *',
  '*/0 * * * *',
  'a * * * *',
  '@reboot',
  '1,,2 * * * *',
])('%j is no schedule', (text) => {
  expect(parseSchedule(text)).toBeUndefined()
})

test('a schedule of numbers is due at exactly those times, and any text gives an answer', () => {
  fc.assert(
    fc.property(fc.date({ min: new Date('2000-01-01'), max: new Date('2100-01-01'), noInvalidDate: true }), (time) => {
      const text = `${time.getUTCMinutes()} ${time.getUTCHours()} ${time.getUTCDate()} ${time.getUTCMonth() + 1} *`
      const schedule = parseSchedule(text)
      if (schedule?.every !== 'minute') throw new Error(`${text} was not read`)
      expect(schedule.matches(time)).toBe(true)
      expect(schedule.matches(new Date(time.getTime() + 60_000))).toBe(false)
    }),
  )
  fc.assert(fc.property(fc.string(), (text) => void parseSchedule(text)))
})
