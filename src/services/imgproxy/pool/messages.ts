// What the service and the process of the image library say to each other.
import type { ErrorName } from '../errors.ts'
import type { Format } from '../formats.ts'
import type { ProcessingOptions } from '../url/options.ts'
import type { WorkerSettings } from '../worker/settings.ts'
import type { Source, Wanted } from '../worker/sources/source.ts'

export interface Job {
  readonly source: string
  readonly options: ProcessingOptions
  readonly wanted: Wanted
  /** A source whose bytes have this hash needs no work: the client has what would come out. */
  readonly knownHash: string | undefined
  /** Whether the bytes' hash is needed where the source says no ETag. */
  readonly hash: boolean
}

export type SourceFacts = Omit<Source, 'bytes'> & { readonly hash?: string | undefined }

export type Outcome =
  | {
      readonly kind: 'image'
      readonly bytes: Uint8Array
      readonly format: Format
      readonly facts: SourceFacts
      readonly fallback?: ErrorName | undefined
    }
  | { readonly kind: 'unchanged'; readonly facts: SourceFacts }
  | { readonly kind: 'error'; readonly code: ErrorName; readonly detail: string }

export type ToWorker = { readonly settings: WorkerSettings } | { readonly id: number; readonly job: Job; readonly seconds: number }
export type FromWorker = { readonly ready: true } | { readonly id: number; readonly outcome: Outcome }
