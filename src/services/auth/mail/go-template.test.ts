import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseTemplate } from './go-template.ts'
import { HtmlOutput, TextOutput } from './html-output.ts'

const data = {
  SiteURL: 'https://app.example',
  ConfirmationURL: 'https://app.example/verify?token=abc&type=signup&redirect_to=https://app.example',
  Email: 'a+b@kit.example',
  Token: '123456',
  TokenHash: 'abc',
  RedirectTo: 'https://app.example/x?y=1&z=2',
  Deep: 'myapp://callback',
  Data: { name: '<b>Ann</b>', list: ['x', 'y'], nested: { a: 1 }, flag: true, none: '' },
}
const text = (source: string) => {
  const output = new TextOutput()
  parseTemplate(source).execute(data, output)
  return output.text
}
const html = (source: string) => {
  const output = new HtmlOutput()
  parseTemplate(source).execute(data, output)
  return output.html
}

test.each([
  ['{{ .Token }} is your code', '123456 is your code'],
  ['{{.Token}}', '123456'],
  ['[{{ .Missing }}]', '[]'],
  ['[{{ .Missing.deeper }}]', '[]'],
  ['{{ .Data.nested.a }}', '1'],
  ['{{ if .Data.flag }}yes{{ else }}no{{ end }}', 'yes'],
  ['{{ if .Data.none }}yes{{ else if eq .Token "123456" }}code{{ else }}no{{ end }}', 'code'],
  ['{{ if and .Token (not .Missing) }}ok{{ end }}', 'ok'],
  ['{{ if or .Missing .Token }}ok{{ end }}', 'ok'],
  ['{{ range .Data.list }}<{{ . }}>{{ end }}', '<x><y>'],
  ['{{ range $i, $v := .Data.list }}{{ $i }}={{ $v }};{{ end }}', '0=x;1=y;'],
  ['{{ range .Missing }}x{{ else }}none{{ end }}', 'none'],
  ['{{ with .Data.nested }}{{ .a }}{{ $.Token }}{{ end }}', '1123456'],
  ['{{ $x := .Token }}{{ $x }}', '123456'],
  ['a {{- .Token -}} b', 'a123456b'],
  ['{{/* note */}}x', 'x'],
  ['{{ printf "%s-%v" .Token 5 }}', '123456-5'],
  ['{{ len .Data.list }}', '2'],
  ['{{ index .Data.list 1 }}', 'y'],
  ['{{ index .Data "name" | len }}', '10'],
  ['{{ .Token | printf "%q" }}', '"123456"'],
  ['{{ if ne .Token "x" }}{{ "}}" }}{{ end }}', '}}'],
  ['{{ urlquery .RedirectTo }}', 'https%3A%2F%2Fapp.example%2Fx%3Fy%3D1%26z%3D2'],
  ['{{ if gt (len .Token) 5 }}long{{ end }}', 'long'],
  ['{{ .constructor }}{{ .__proto__ }}{{ .Data.toString }}', ''],
])('the template %j gives %j', (source, result) => expect(text(source)).toBe(result))

test.each([
  ['<p>{{ .Data.name }}</p>', '<p>&lt;b&gt;Ann&lt;/b&gt;</p>'],
  ['<p>{{ .Email }}</p>', '<p>a&#43;b@kit.example</p>'],
  [
    '<a href="{{ .ConfirmationURL }}">x</a>',
    '<a href="https://app.example/verify?token=abc&amp;type=signup&amp;redirect_to=https://app.example">x</a>',
  ],
  [
    '<a class="b" href="{{ .SiteURL }}/c?next={{ .RedirectTo }}&h={{ .TokenHash }}">',
    '<a class="b" href="https://app.example/c?next=https%3a%2f%2fapp.example%2fx%3fy%3d1%26z%3d2&h=abc">',
  ],
  ['<a href="{{ .Deep }}">', '<a href="#ZgotmplZ">'],
  [
    "<a href='{{ .ConfirmationURL }}'>{{ .Token }}</a>",
    "<a href='https://app.example/verify?token=abc&amp;type=signup&amp;redirect_to=https://app.example'>123456</a>",
  ],
  ['<img alt="{{ .Data.name }}">', '<img alt="&lt;b&gt;Ann&lt;/b&gt;">'],
  ['<script>var x = {{ .Data.name }}</script>{{ .Token }}', '<script>var x = "\\u003cb\\u003eAnn\\u003c/b\\u003e"</script>123456'],
  ['<!-- {{ .Token }} -->{{ .Token }}', '<!--  -->123456'],
  ['<a href={{ .SiteURL }}>{{ .Data.name }}</a>', '<a href=https://app.example>&lt;b&gt;Ann&lt;/b&gt;</a>'],
])('the page %j is %j', (source, result) => expect(html(source)).toBe(result))

test.each([
  ['{{ .Token'],
  ['{{ end }}'],
  ['{{ if .x }}'],
  ['{{ }}'],
  ['{{ "open }}'],
  ['{{ define "x" }}{{ end }}'],
  ['{{ (.x }}'],
  ['{{ .x ) }}'],
  ['{{ 1 2'],
  ['{{else}}'],
])('parseTemplate(%j) throws SyntaxError', (source) => expect(() => parseTemplate(source)).toThrow(SyntaxError))

test.each([['{{ nosuch .x }}'], ['{{ .Token 1 }}'], ['{{ lt 1 "a" }}'], ['{{ $x }}']])('executing %j throws', (source) => {
  expect(() => text(source)).toThrow(/^Cannot execute the template: /)
})

test('text without actions comes out as it went in, and anything parses or throws SyntaxError', () => {
  fc.assert(
    fc.property(
      fc.string().filter((s) => !s.includes('{{')),
      (source) => {
        expect(text(source)).toBe(source)
      },
    ),
  )
  const soup = fc.array(fc.constantFrom('{{', '}}', ' ', '.a', 'if', 'end', 'else', '|', '(', ')', '"', '-', '$x', ':=', 'range', 'x'), {
    maxLength: 30,
  })
  fc.assert(
    fc.property(soup, (parts) => {
      try {
        parseTemplate(parts.join(''))
      } catch (error) {
        expect(error).toBeInstanceOf(SyntaxError)
      }
    }),
  )
})

test('no value breaks out of where it stands', () => {
  fc.assert(
    fc.property(fc.string(), (value) => {
      const output = new HtmlOutput()
      parseTemplate('<p title="{{ .v }}">{{ .v }}</p><a href="{{ .v }}">x</a>').execute({ v: value }, output)
      expect(output.html.match(/[<>]/g)).toEqual(['<', '>', '<', '>', '<', '>', '<', '>'])
      expect(output.html.match(/"/g)?.length).toBe(4)
    }),
  )
})
