import { expect, test } from 'vitest'
import type { StorageConfig } from '../config.ts'
import { optionsOf, readTransform, signedText, transformOfSigned } from './transform.ts'

const config = { images: { minSize: 1, maxSize: 2_000 } } as StorageConfig
const read = (query: Record<string, string>) => readTransform('querystring', query)

test.each([
  [{}, ''],
  [{ width: '50', height: '40', resize: 'contain', quality: '70' }, 'height:40,width:50,resizing_type:fit,quality:70'],
  [{ width: '50' }, 'width:50,resizing_type:fill'],
  [{ width: '0', height: '99999', resize: 'fill' }, 'height:2000,resizing_type:force'],
  [{ format: 'origin' }, ''],
  [{ format: 'avif' }, 'format:avif'],
  [{ gravity: 'fp', x_offset: '0', y_offset: '0.5' }, 'gravity:fp:0:0.5'],
  [{ gravity: 'no', y_offset: '-3' }, 'gravity:no:0:-3'],
  [{ gravity: 'sm', x_offset: '1' }, 'gravity:sm'],
])('%j becomes %s', (query, options) => {
  expect(optionsOf(read(query as Record<string, string>), config).join(',')).toBe(options)
})

test.each([
  [{ quality: '19' }, 'querystring/quality must be >= 20'],
  [{ quality: '101' }, 'querystring/quality must be <= 100'],
  [{ width: '-1' }, 'querystring/width must be >= 0'],
  [{ width: '1.5' }, 'querystring/width must be integer'],
  [{ height: 'abc' }, 'querystring/height must be integer'],
  [{ resize: 'stretch' }, 'querystring/resize must be equal to one of the allowed values'],
  [{ format: 'png' }, 'querystring/format must be equal to one of the allowed values'],
  [{ gravity: 'fp', x_offset: '0' }, "querystring must have required property 'y_offset'"],
  [{ gravity: 'fp', x_offset: '2', y_offset: '0' }, 'querystring/x_offset must be <= 1'],
  [{ x_offset: 'NaN' }, 'querystring/x_offset must be number'],
])('%j: %s', (query, message) => {
  expect(() => read(query as Record<string, string>)).toThrow(message)
})

test('what a token fixes comes back as it was asked', () => {
  const transform = read({
    width: '60',
    height: '60',
    resize: 'contain',
    quality: '50',
    format: 'webp',
    gravity: 'fp',
    x_offset: '0.2',
    y_offset: '1',
  })
  const text = signedText(transform, config)
  expect(text).toBe('height:60,width:60,resize:contain,quality:50,format:webp,gravity:fp,x_offset:0.2,y_offset:1')
  expect(transformOfSigned(text)).toEqual(transform)
  expect(signedText(read({ format: 'origin' }), config)).toBe('')
  expect(transformOfSigned('resize:undefined,width:x,unknown:1,height:5')).toEqual({ height: 5 })
})
