// The expression that makes an answer's body of the rows of `_t`.
import type { MediaHandler, Name } from '../schema-cache/types.ts'
import { qualified } from './text.ts'

export type BodyForm =
  /** No body wanted. */
  | { readonly kind: 'none' }
  | { readonly kind: 'array'; readonly stripped: boolean }
  | { readonly kind: 'object'; readonly stripped: boolean }
  | { readonly kind: 'csv' }
  | { readonly kind: 'geojson' }
  | { readonly kind: 'handler'; readonly handler: MediaHandler }

export interface BodyShape {
  readonly form: BodyForm
  /** The result of a function that returns no rows of columns: its one column. */
  readonly scalar: boolean
  /** A function that returns one value or row. */
  readonly single: boolean
  /** The row type that a handler bound to a table wants. */
  readonly rowType: Name | undefined
}

export function bodyText({ form, scalar, single, rowType }: BodyShape): string {
  const item = scalar ? '_t."pgrst_scalar"' : '_t.*'
  switch (form.kind) {
    case 'none':
      return "''"
    case 'csv':
      return `(SELECT coalesce(string_agg(k, ','), '') FROM (SELECT json_object_keys(row_to_json(h)) AS k FROM (SELECT * FROM pgrst_rows LIMIT 1) h) keys) || E'\\n' || coalesce(string_agg(substring(_t::text, 2, length(_t::text) - 2), E'\\n'), '')`
    case 'geojson':
      return `json_build_object('type', 'FeatureCollection', 'features', coalesce(json_agg(ST_AsGeoJSON(_t)::json), '[]'))`
    case 'handler': {
      const { handler } = form
      if (handler.kind === 'function') return '(array_agg(_t."pgrst_scalar"))[1]'
      const row = handler.target === undefined || rowType === undefined ? '_t' : `_t::${qualified(rowType)}`
      return `${qualified(handler.function)}(${row})`
    }
    case 'object': {
      const text = `(json_agg(${item})->0)`
      return `coalesce(${form.stripped ? `json_strip_nulls(${text})` : text}, 'null')`
    }
    case 'array': {
      const rows = form.stripped ? `json_strip_nulls(json_agg(${item}))` : `json_agg(${item})`
      return single ? `coalesce(${rows}->0, 'null')` : `coalesce(${rows}, '[]')`
    }
  }
}
