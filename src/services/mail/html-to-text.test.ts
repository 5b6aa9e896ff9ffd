import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeEntities, htmlToText, htmlToWords } from './html-to-text.ts'

test.each([
  ['<p>Follow <a href="http://a.b/c?x=1&amp;y=2">this link</a> now</p>', 'Follow this link ( http://a.b/c?x=1&y=2 ) now'],
  ['<a href="http://a.b">http://a.b</a>', 'http://a.b'],
  ['<a href="mailto:me@a.b">me@a.b</a>', 'me@a.b'],
  ['<h2>Title</h2><p>one</p><p>two<br>three</p>', 'Title\n\none\n\ntwo\nthree'],
  ['<ul><li>a</li><li>b</li></ul>', '* a\n* b'],
  ['<style>p { color: red }</style><script>x = "<p>"</script>seen', 'seen'],
  ['a < b and c > d', 'a < b and c > d'],
  ['<!-- <p>no</p> -->yes<!-- open', 'yes'],
  ['<p title="a > b">x</p>', 'x'],
  ['&lt;b&gt; &#x1F600; &#39;q&#39; &nope;', "<b> 😀 'q' &nope;"],
  ['<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>', 'a b\nc'],
  ['', ''],
])('%s reads %j', (html, expected) => {
  expect(htmlToText(html)).toBe(expected)
})

test('words of a mail are on one line, without addresses of links', () => {
  expect(htmlToWords('<h1>Hello</h1>\n<p>Follow <a href="http://a.b">me</a></p>')).toBe('Hello Follow me')
})

test.each(['&#0;', '&#xD800;', '&#x110000;'])('%s is no character', (entity) => {
  expect(decodeEntities(entity)).toBe(entity)
})

test('any text is read, and soon', () => {
  fc.assert(fc.property(fc.string(), (html) => typeof htmlToText(html) === 'string' && typeof htmlToWords(html) === 'string'))
  for (const nasty of ['<'.repeat(200_000), '<a href="'.repeat(20_000), '<p '.repeat(50_000), '<!--'.repeat(50_000), ' '.repeat(200_000)]) {
    const start = performance.now()
    htmlToText(nasty)
    htmlToWords(nasty)
    expect(performance.now() - start).toBeLessThan(10_000)
  }
})
