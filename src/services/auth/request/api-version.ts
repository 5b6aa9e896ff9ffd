// Which shape an error answer has: `X-Supabase-Api-Version` on or after 2024-01-01 asks for the newer one.

export const API_VERSION_2024 = '2024-01-01'

/** `2024-01-01` for that day or a later one; `initial` for everything older, absent or unreadable. */
export function apiVersion(value: string | string[] | undefined): 'initial' | typeof API_VERSION_2024 {
  const text = Array.isArray(value) ? value[0] : value
  if (text === undefined || !/^\d{4}-\d{2}-\d{2}$/.test(text)) return 'initial'
  const at = new Date(`${text}T00:00:00Z`)
  if (Number.isNaN(at.getTime()) || at.toISOString().slice(0, 10) !== text) return 'initial'
  return text >= API_VERSION_2024 ? API_VERSION_2024 : 'initial'
}
