import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readEnv } from '../../../env/read.ts'
import { imgproxyEnv } from '../env.ts'
import { applyOption } from '../url/apply-option.ts'
import { defaultOptions, type ProcessingOptions } from '../url/options.ts'
import { planFor, position } from './geometry.ts'

const env = readEnv(imgproxyEnv, {})
const LIMITS = { maxSide: 65_535, maxPixels: 16_800_000 }

function asked(text: string): ProcessingOptions {
  const options = defaultOptions(env)
  for (const part of text.split('/')) {
    const [name, ...args] = part.split(':')
    applyOption(options, name!, args)
  }
  return options
}

test.each([
  // options               source        scaled        result
  ['rs:fill:100:8192', [200, 100], [200, 100], [100, 100]],
  ['rs:fill:100:0', [200, 100], [100, 50], [100, 50]],
  ['rs:force:400:400', [200, 100], [100, 100], [100, 100]],
  ['rs:force:30:0', [200, 100], [30, 100], [30, 100]],
  ['rs:fit:33:0', [100, 50], [33, 17], [33, 17]],
  ['rs:fit:1:0', [4_000, 10], [1, 1], [1, 1]],
  ['rs:fill:50:50/ex:1', [20, 100], [20, 100], [50, 50]],
  ['pd:1:2:3:4/dpr:2/el:1', [10, 10], [20, 20], [32, 28]],
  ['c:0.5:0.5/rs:fit:10:0', [100, 50], [10, 5], [10, 5]],
] as const)('%s of %j', (options, [width, height], scaled, result) => {
  const plan = planFor({ width, height }, asked(options), false, LIMITS)
  expect([plan.scaled.width, plan.scaled.height]).toEqual(scaled)
  expect([plan.result.width, plan.result.height]).toEqual(result)
})

describe('whatever is asked for', () => {
  const side = fc.integer({ min: 0, max: 100_000 })
  const options = fc.record({
    type: fc.constantFrom('fit', 'fill', 'fill-down', 'force', 'auto'),
    width: side,
    height: side,
    enlarge: fc.boolean(),
    extend: fc.boolean(),
    dpr: fc.double({ min: 0.01, max: 50, noNaN: true }),
    padding: fc.integer({ min: 0, max: 5_000 }),
    crop: fc.double({ min: 0, max: 5_000, noNaN: true }),
    gravity: fc.constantFrom('ce', 'no', 'so', 'ea', 'we', 'noea', 'nowe', 'soea', 'sowe'),
    offset: fc.double({ min: -1_000, max: 1_000, noNaN: true }),
    minimum: fc.integer({ min: 0, max: 10_000 }),
  })
  const size = fc.record({ width: fc.integer({ min: 1, max: 20_000 }), height: fc.integer({ min: 1, max: 20_000 }) })

  test('regions lie within their picture, and results within the limits', () => {
    fc.assert(
      fc.property(size, options, (source, given) => {
        const wanted: ProcessingOptions = {
          ...defaultOptions(env),
          resizingType: given.type,
          width: given.width,
          height: given.height,
          enlarge: given.enlarge,
          dpr: given.dpr,
          minWidth: given.minimum,
          extend: { enabled: given.extend, gravity: { type: 'ce', x: 0, y: 0 } },
          padding: { top: given.padding, right: 0, bottom: 0, left: given.padding },
          crop: { width: given.crop, height: 0, gravity: undefined },
          gravity: { type: given.gravity, x: given.offset, y: -given.offset },
        }
        const { crop, scaled, cut, border, result } = planFor(source, wanted, false, LIMITS)
        for (const [inner, outer] of [
          [crop, source],
          [cut, scaled],
        ] as const) {
          if (!inner) continue
          expect(Object.values(inner).every(Number.isInteger)).toBe(true)
          expect(inner.width > 0 && inner.height > 0 && inner.left >= 0 && inner.top >= 0).toBe(true)
          expect(inner.left + inner.width <= outer.width && inner.top + inner.height <= outer.height).toBe(true)
        }
        for (const value of Object.values(border ?? {})) expect(Number.isInteger(value) && value >= 0).toBe(true)
        expect(scaled.width >= 1 && scaled.height >= 1 && result.width >= 1 && result.height >= 1).toBe(true)
        // Sides of one pixel cannot become smaller.
        const pixels = result.width * result.height
        expect(pixels <= LIMITS.maxPixels * 1.01 || Math.min(result.width, result.height) <= 4).toBe(true)
        expect(Math.max(result.width, result.height)).toBeLessThanOrEqual(LIMITS.maxSide + 4)
      }),
    )
  })
})

test.each([
  ['ce', 0, 0, { left: 50, top: 0 }],
  ['ea', 10, 0, { left: 90, top: 0 }],
  ['we', -10, 0, { left: 0, top: 0 }],
  ['ce', 0.1, 0, { left: 70, top: 0 }],
] as const)('%s with the offsets %d, %d', (type, x, y, place) => {
  expect(position({ width: 200, height: 100 }, { width: 100, height: 100 }, { type, x, y }, 1)).toEqual(place)
})
