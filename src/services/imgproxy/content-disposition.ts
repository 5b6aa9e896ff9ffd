// The file name of an answer: the one that the URL asks for, or the source's own, with the extension of what the result is.

const WITHOUT_NAME = 'image'

export function contentDisposition(source: string, filename: string, extension: string, attachment: boolean): string {
  const stem = filename === '' ? stemOf(source) : filename
  return `${attachment ? 'attachment' : 'inline'}; filename="${safe(stem)}${extension}"`
}

function stemOf(source: string): string {
  const path = /^https?:\/\//i.test(source) && URL.canParse(source) ? new URL(source).pathname : source.replace(/^[a-z0-9]+:\/\//i, '')
  const base = path.split('/').at(-1) ?? ''
  const dot = base.lastIndexOf('.')
  const stem = dot > 0 ? base.slice(0, dot) : base
  try {
    return decodeURIComponent(stem) || WITHOUT_NAME
  } catch {
    // Percent signs that encode nothing.
    return stem
  }
}

/** Within quotes, in a header: no quotes, no control characters, and what is not ASCII in percent signs. */
const safe = (name: string): string =>
  name
    // Halves of surrogate pairs cannot be encoded.
    .replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '')
    .replace(/[\u0000-\u001f\u007f]/g, '')
    .replace(/["\\%]/g, encodeURIComponent)
    .replace(/[^\u0020-\u007e]+/g, encodeURIComponent)
