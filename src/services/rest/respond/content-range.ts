// `Content-Range` and the status that goes with it.

/** `0-9/57`, a star for the range when no rows came back, a star for the total when nobody counted. */
export function contentRange(first: number, rows: number, total: number | undefined): string {
  const range = rows === 0 || total === 0 ? '*' : `${first}-${first + rows - 1}`
  return `${range}/${total ?? '*'}`
}

export function rangeStatus(first: number, rows: number, total: number | undefined): 200 | 206 | 416 {
  if (total === undefined) return 200
  if (first > total) return 416
  return rows < total ? 206 : 200
}
