// Messages that a wallet signs to sign in: EIP-4361 for Ethereum and the same words for Solana. Read strictly where it matters and, like
// upstream, leniently where a wallet may add lines.
import { errors } from '../errors.ts'

export type Chain = 'solana' | 'ethereum'

export interface SignInMessage {
  readonly raw: string
  readonly domain: string
  readonly address: string
  readonly statement: string | undefined
  readonly uri: URL
  /** The URI as it was written. */
  readonly uriText: string
  readonly chainId: string
  readonly issuedAt: number
  readonly expiresAt: number | undefined
  readonly notBefore: number | undefined
}

interface Rules {
  readonly prefix: 'siws' | 'siwe'
  readonly header: string
  readonly address: RegExp
  readonly badAddress: string
  readonly normalize: (address: string) => string
  readonly chainId: (value: string) => boolean
}

const RULES: Readonly<Record<Chain, Rules>> = {
  solana: {
    prefix: 'siws',
    header: ' wants you to sign in with your Solana account:',
    address: /^[a-zA-Z0-9]{32,44}$/,
    badAddress: 'wallet address is not in base58 format',
    normalize: (address) => address,
    chainId: (value) => value === '' || /^solana:(main|dev|test|local)net$/.test(value),
  },
  ethereum: {
    prefix: 'siwe',
    header: ' wants you to sign in with your Ethereum account:',
    address: /^0x[a-fA-F0-9]{40}$/,
    badAddress: 'wallet address is not a valid Ethereum address',
    // Upper and lower case are a checksum for the eye: one wallet is one identity.
    normalize: (address) => address.toLowerCase(),
    chainId: (value) => /^\+?\d{1,18}$/.test(value) && Number(value) > 0,
  },
}
const DOMAIN = /^(localhost|(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+[a-zA-Z]{2,})(?::\d{1,5})?$/
const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})([.,]\d+)?(Z|[+-]\d{2}:\d{2})$/

/** Throws `validation_failed` in upstream's words. */
export function readMessage(chain: Chain, raw: string): SignInMessage {
  const rules = RULES[chain]
  const refuse = (words: string) => errors.validation(`${rules.prefix}: ${words}`)
  const lines = raw.split('\n')
  if (lines.length < 6) throw refuse('message needs at least 6 lines')
  const first = lines[0]!
  if (!first.endsWith(rules.header)) throw refuse(`message first line does not end in ${JSON.stringify(rules.header)}`)
  const domain = first.slice(0, -rules.header.length).trim()
  if (!DOMAIN.test(domain)) throw refuse('domain in first line of message is not valid')
  const address = lines[1]!.trim()
  if (!rules.address.test(address)) throw refuse(rules.badAddress)
  if (lines[2] !== '') throw refuse('third line must be empty')
  const hasStatement = lines[3] !== '' && lines[4] === ''
  const fields = readFields(lines, hasStatement ? 5 : 3, rules, refuse)
  if (fields.version !== '1') throw refuse(`Version value is not supported, expected 1 got ${JSON.stringify(fields.version)}`)
  if (fields.issuedAt === undefined) throw refuse('Issued At is not specified')
  if (!fields.uri) throw refuse('URI is not specified')
  const { expiresAt, notBefore } = fields
  if (expiresAt !== undefined && fields.issuedAt > expiresAt) throw refuse('Issued At is after Expiration Time')
  if (notBefore !== undefined && expiresAt !== undefined && notBefore > expiresAt) throw refuse('Not Before is after Expiration Time')
  return {
    raw,
    domain,
    address: rules.normalize(address),
    statement: hasStatement ? lines[3] : undefined,
    uri: fields.uri,
    uriText: fields.uriText,
    chainId: fields.chainId,
    issuedAt: fields.issuedAt,
    expiresAt,
    notBefore,
  }
}

interface Fields {
  uri: URL | undefined
  uriText: string
  version: string
  chainId: string
  issuedAt: number | undefined
  expiresAt: number | undefined
  notBefore: number | undefined
}

function readFields(lines: readonly string[], from: number, rules: Rules, refuse: (words: string) => Error): Fields {
  const fields: Fields = {
    uri: undefined,
    uriText: '',
    version: '',
    chainId: '',
    issuedAt: undefined,
    expiresAt: undefined,
    notBefore: undefined,
  }
  let resources: number | undefined
  for (let index = from; index < lines.length; index++) {
    const line = lines[index]!.trim()
    if (resources !== undefined) {
      if (line.startsWith('- ')) {
        if (!URL.canParse(line.slice(2).trim())) throw refuse(`Resource at position ${resources} has invalid URI`)
        resources++
        continue
      }
      resources = undefined
    }
    if (line === 'Resources:') {
      resources = 0
      continue
    }
    if (line === '') continue
    const at = line.indexOf(':')
    if (at < 0) throw refuse(`encountered unparsable line at index ${index}`)
    readField(fields, line.slice(0, at), line.slice(at + 1).trim(), rules, refuse)
  }
  return fields
}

function readField(fields: Fields, name: string, value: string, rules: Rules, refuse: (words: string) => Error): void {
  switch (name) {
    case 'URI':
      if (!URL.canParse(value)) throw refuse('URI is not valid')
      fields.uri = new URL(value)
      fields.uriText = value
      return
    case 'Version':
      fields.version = value
      return
    case 'Chain ID':
      if (!rules.chainId(value)) throw refuse('Chain ID is not valid')
      fields.chainId = value
      return
    case 'Issued At':
      fields.issuedAt = readTime(value, () => refuse('Issued At is not a valid ISO8601 timestamp'))
      return
    case 'Expiration Time':
      fields.expiresAt = readTime(value, () => refuse('Expiration Time is not a valid ISO8601 timestamp'))
      return
    case 'Not Before':
      fields.notBefore = readTime(value, () => refuse('Not Before is not a valid ISO8601 timestamp'))
      return
    default:
      return // Nonce, Request ID and what a wallet adds say nothing that is checked here
  }
}

function readTime(value: string, refuse: () => Error): number {
  const match = RFC3339.exec(value)
  const at = match ? Date.parse(value.replace(',', '.')) : Number.NaN
  // Date.parse takes the 31st of every month for a day.
  const days = match ? new Date(Date.UTC(Number(match[1]), Number(match[2]), 0)).getUTCDate() : 0
  if (!match || Number.isNaN(at) || Number(match[3]) > days) throw refuse()
  return at
}
