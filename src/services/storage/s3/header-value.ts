// What may stand in a header of an answer.

/** Visible characters, blanks and tabs of Latin-1: what Node would send. */
export const isValidHeaderValue = (value: string): boolean => /^[\t\x20-\x7e\x80-\xff]*$/.test(value)
