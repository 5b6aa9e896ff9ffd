// A password nobody knows, for accounts that were made without one.
import { randomBytes } from 'node:crypto'

export const randomPassword = (): string => randomBytes(48).toString('base64url')
