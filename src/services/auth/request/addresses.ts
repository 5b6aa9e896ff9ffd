// E-mail addresses and phone numbers: which are accepted, and how they are stored.
import { errors } from '../errors.ts'

// The expression of upstream's checker, which is that of the HTML standard with a dot required of nobody.
const EMAIL =
  /^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/

/** The address in lower case, as it is stored. Throws `validation_failed`. */
export function acceptEmail(email: string): string {
  if (email === '') throw errors.validation('An email address is required')
  if (Buffer.byteLength(email) > 255) throw errors.validation('An email address is too long')
  if (!EMAIL.test(email)) throw errors.validation('Unable to validate email address: invalid format')
  return email.toLowerCase()
}

/** Digits only, without plus and blanks. */
export const plainPhone = (phone: string): string => phone.replace(/^\+/, '').replaceAll(' ', '')

/** The number in E.164 without its plus, as it is stored. Throws `validation_failed`. */
export function acceptPhone(phone: string): string {
  const plain = plainPhone(phone)
  if (!/^[1-9][0-9]{1,14}$/.test(plain)) throw errors.invalidPhone()
  return plain
}

export const isUuid = (text: string): boolean => /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i.test(text)
export const NIL_UUID = '00000000-0000-0000-0000-000000000000'
