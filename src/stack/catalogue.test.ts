import { expect, test } from 'vitest'
import { CATALOGUE, entryNamed, inProfile, needsAmong } from './catalogue.ts'

test.each([
  ['minimal', ['db', 'gateway', 'auth', 'rest', 'mail']],
  ['standard', ['db', 'gateway', 'auth', 'rest', 'mail', 'realtime', 'imgproxy', 'storage', 'meta', 'functions', 'studio']],
  ['full', CATALOGUE.map(({ name }) => name)],
] as const)('the profile %s', (profile, names) => {
  expect(inProfile(profile)).toEqual(names)
})

test.each([
  ['rest', 'rest'],
  ['postgrest', 'rest'],
  ['kong', 'gateway'],
  ['api-gw', 'gateway'],
  ['supabase-mail', 'mail'],
  ['realtime-dev.supabase-realtime', 'realtime'],
  ['supavisor', 'pooler'],
  ['nonsense', undefined],
])('%s means %s', (name, entry) => {
  expect(entryNamed(name)?.name).toBe(entry)
})

test('no name means two services', () => {
  const names = CATALOGUE.flatMap((entry) => [...new Set([entry.name, ...(entry.upstream ? [entry.upstream] : []), ...entry.aliases])])
  expect(new Set(names).size).toBe(names.length)
})

test('nothing waits for logs, and only for services that are there', () => {
  for (const { needs } of CATALOGUE) {
    expect(Object.keys(needs)).not.toContain('analytics')
    expect(Object.keys(needs)).not.toContain('vector')
  }
  const storage = entryNamed('storage')!
  expect(needsAmong(storage, new Set(['db', 'rest', 'storage']))).toEqual({ db: 'healthy', rest: 'started' })
})
