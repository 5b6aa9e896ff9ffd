// Positions in the write-ahead log as Postgres writes them (`16/B374D848`) and as numbers.

/** Throws SyntaxError when the text is no position. */
export function parseLsn(text: string): bigint {
  const found = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(text)
  if (!found) throw new SyntaxError(`Cannot read a position of the log: ${JSON.stringify(text)}`)
  return (BigInt(`0x${found[1]}`) << 32n) | BigInt(`0x${found[2]}`)
}

export const formatLsn = (lsn: bigint): string =>
  `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffff_ffffn).toString(16).toUpperCase()}`
