// Every answer that is not a success: what anybody may read, and the status. Upstream's texts.

const table = {
  invalid_url: { status: 404, text: 'Invalid URL' },
  expired_url: { status: 404, text: 'Expired URL' },
  invalid_source: { status: 404, text: 'Invalid source' },
  unreachable: { status: 404, text: 'Source image is unreachable' },
  broken_download: { status: 500, text: 'Source image is unreachable' },
  invalid_image: { status: 422, text: 'Invalid source image' },
  unsupported_result: { status: 422, text: 'Invalid URL' },
  forbidden: { status: 403, text: 'Forbidden' },
  too_many_requests: { status: 429, text: 'Too many requests' },
  timeout: { status: 503, text: 'Timeout' },
  internal: { status: 500, text: 'Internal error' },
} as const

export type ErrorName = keyof typeof table
export const IMGPROXY_ERRORS: Readonly<Record<ErrorName, { readonly status: number; readonly text: string }>> = table

export class ImgproxyError extends Error {
  readonly code: ErrorName

  /** `detail` is for the log, and for the answer where IMGPROXY_DEVELOPMENT_ERRORS_MODE is on. */
  constructor(code: ErrorName, detail: string, options?: ErrorOptions) {
    super(detail, options)
    this.name = 'ImgproxyError'
    this.code = code
  }

  get status(): number {
    return table[this.code].status
  }

  get text(): string {
    return table[this.code].text
  }
}
