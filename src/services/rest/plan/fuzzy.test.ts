import { expect, test } from 'vitest'
import { similar } from './fuzzy.ts'

test.each([
  ['project', 0.75, 'projects'],
  ['projxxxx', 0.75, undefined],
  ['PROJECTS', 0.75, 'projects'],
  ['', 0.75, undefined],
  ['client', 0.33, 'clients'],
])('%s (%d) means %s', (wanted, minimum, found) => {
  expect(similar(['projects', 'clients', 'articles'], wanted, minimum)[0]?.value).toBe(found)
})
