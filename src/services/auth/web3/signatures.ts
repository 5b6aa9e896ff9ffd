// Whose signature is it? Ed25519 for Solana, recovery of a secp256k1 key for Ethereum.
import { createPublicKey, verify } from 'node:crypto'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { decodeBase58 } from './base58.ts'
import type { SignInMessage } from './message.ts'

const ED25519_SPKI = Buffer.from('302a300506032b6570032100', 'hex')
const KEY_BYTES = 32

export function signedBySolana(message: SignInMessage, signature: Uint8Array): boolean {
  const key = decodeBase58(message.address)
  if (key?.length !== KEY_BYTES) return false
  const publicKey = createPublicKey({ key: Buffer.concat([ED25519_SPKI, key]), format: 'der', type: 'spki' })
  const text = Buffer.from(message.raw, 'utf8')
  // Hardware wallets sign the message in an envelope.
  return [text, offchainEnvelope(message.domain, key, text)].some((bytes) => bytes && verify(null, bytes, publicKey, signature))
}

/** The envelope that Ledger signs: https://docs.anza.xyz/proposals/off-chain-message-signing */
export function offchainEnvelope(domain: string, key: Uint8Array, text: Buffer): Buffer | undefined {
  if (text.length > 0xffff) return undefined
  const application = Buffer.alloc(32)
  application.write(domain, 'utf8')
  const length = Buffer.alloc(2)
  length.writeUInt16LE(text.length)
  const [version, ascii, signers] = [0, 0, 1]
  return Buffer.concat([
    Buffer.from([0xff]),
    Buffer.from('solana offchain'),
    Buffer.from([version]),
    application,
    Buffer.from([ascii, signers]),
    key,
    length,
    text,
  ])
}

/** `personal_sign`: 65 bytes of r, s and the recovery number (0, 1 or 27, 28). */
export function signedByEthereum(message: SignInMessage, signature: Uint8Array): boolean {
  if (signature.length !== 65) return false
  const number = signature[64]!
  const recovery = number >= 27 ? number - 27 : number
  if (recovery > 1) return false
  const text = Buffer.from(message.raw, 'utf8')
  const hash = keccak_256(Buffer.concat([Buffer.from(`\x19Ethereum Signed Message:\n${text.length}`), text]))
  try {
    const compact = secp256k1.Signature.fromBytes(signature.subarray(0, 64), 'compact')
    const point = compact.addRecoveryBit(recovery).recoverPublicKey(hash)
    return addressOf(point.toBytes(false)) === message.address
  } catch {
    return false // numbers that are no signature at all
  }
}

/** Of an uncompressed public key. */
export const addressOf = (publicKey: Uint8Array): string =>
  `0x${Buffer.from(keccak_256(publicKey.subarray(1)).subarray(12)).toString('hex')}`
