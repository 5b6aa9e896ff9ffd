// Texts of HTTP messages are bytes: one character each, as Node hands over header lines. What comes from elsewhere (the configuration,
// percent signs in a query, JSON) is brought to that form before it is compared or sent.

/** The UTF-8 of a text, one character a byte. */
export function byteString(text: string): string {
  return /[^\x00-\x7f]/.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text
}

/** Bytes back to a text. */
export function textOfBytes(bytes: string): string {
  return /[^\x00-\x7f]/.test(bytes) ? Buffer.from(bytes, 'latin1').toString('utf8') : bytes
}

/** Every byte that may not stand in a component of a URL as an escape. */
export function escapeComponent(bytes: string): string {
  return bytes.replace(/[^A-Za-z0-9\-._~!'()*]/g, percent)
}

/** Line ends and other controls as escapes, as OpenResty does: a value never becomes a second header line. */
export function headerValue(bytes: string): string {
  return /[\x00-\x08\x0a-\x1f\x7f]/.test(bytes) ? bytes.replace(/[\x00-\x08\x0a-\x1f\x7f]/g, percent) : bytes
}

function percent(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}
