// How browsers may take an object: a page from here would run with the rights of the API's origin.

/** HTML is never served as such, however its type is written. */
export const servedType = (type: string): string => (/text\/html/i.test(type) ? 'text/plain' : type)

/** Documents that can hold scripts (HTML through the S3 protocol, XHTML, SVG) run none, and are of an origin of their own. */
export const sandboxOf = (type: string): { 'content-security-policy'?: string } =>
  /html|xml/i.test(type) ? { 'content-security-policy': 'sandbox' } : {}
