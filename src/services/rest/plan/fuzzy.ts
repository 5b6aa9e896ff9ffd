// "Perhaps you meant": the fuzzyset algorithm (grams of 3, then 2, then edit distance), as upstream's hints come from it.

export interface Match {
  readonly score: number
  readonly value: string
}

function grams(value: string, size: number): Map<string, number> {
  const padded = `-${value.toLowerCase().replace(/[^\p{L}\p{N}_, ]+/gu, '')}-`.padEnd(size, '-')
  const counts = new Map<string, number>()
  for (let at = 0; at + size <= padded.length; at++) {
    const gram = padded.slice(at, at + size)
    counts.set(gram, (counts.get(gram) ?? 0) + 1)
  }
  return counts
}

const norm = (counts: Map<string, number>): number => Math.sqrt([...counts.values()].reduce((sum, count) => sum + count * count, 0))

function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      current[j] = Math.min(previous[j]! + 1, current[j - 1]! + 1, previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    previous = current
  }
  return previous[b.length]!
}

/** Similar values, the best first, with a score of at least `minimum`. */
export function similar(values: Iterable<string>, wanted: string, minimum: number): Match[] {
  const list = [...new Set(values)]
  const lower = wanted.toLowerCase()
  const exact = list.find((value) => value.toLowerCase() === lower)
  if (exact !== undefined) return [{ score: 1, value: exact }]
  for (const size of [3, 2]) {
    const asked = grams(wanted, size)
    const askedNorm = norm(asked)
    const scored: Match[] = []
    for (const value of list) {
      const found = grams(value, size)
      let product = 0
      for (const [gram, count] of asked) product += count * (found.get(gram) ?? 0)
      if (product > 0) scored.push({ score: product / (askedNorm * norm(found)), value })
    }
    scored.sort((a, b) => b.score - a.score)
    const matches = scored
      .slice(0, 50)
      .map(({ value }) => ({ score: 1 - distance(value.toLowerCase(), lower) / Math.max(value.length, wanted.length), value }))
      .filter(({ score }) => score >= minimum)
      .sort((a, b) => b.score - a.score)
    if (matches.length > 0) return matches
  }
  return []
}
