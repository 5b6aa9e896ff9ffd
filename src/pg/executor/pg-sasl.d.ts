// The parts of node-postgres' SCRAM client that are used here; the package ships no types for them.
declare module 'pg/lib/crypto/sasl.js' {
  export interface SaslSession {
    readonly mechanism: string
    readonly response: string
  }
  const sasl: {
    startSession(mechanisms: readonly string[]): SaslSession
    continueSession(session: SaslSession, password: string, serverData: string): Promise<void>
    finalizeSession(session: SaslSession, serverData: string): void
  }
  export = sasl
}
declare module 'pg/lib/crypto/utils.js' {
  const utils: { postgresMd5PasswordHash(user: string, password: string, salt: Buffer): Promise<string> }
  export = utils
}
