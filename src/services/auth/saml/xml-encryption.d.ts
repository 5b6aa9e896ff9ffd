// The part of xml-encryption that is used; the package has no types.
declare module 'xml-encryption' {
  export interface DecryptOptions {
    readonly key: string | Buffer
    readonly disallowDecryptionWithInsecureAlgorithm?: boolean
    readonly warnInsecureAlgorithm?: boolean
  }
  export interface EncryptOptions {
    readonly rsa_pub: string | Buffer
    readonly pem: string | Buffer
    readonly encryptionAlgorithm: string
    readonly keyEncryptionAlgorithm: string
  }
  export function encrypt(content: string, options: EncryptOptions, callback: (error: Error | null, result: string) => void): void
  export function decrypt(xml: string, options: DecryptOptions, callback: (error: Error | null, result: string) => void): void
}
