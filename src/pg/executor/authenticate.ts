// The login part of the startup: cleartext, md5 and SCRAM-SHA-256.
import type { Socket } from 'node:net'
import sasl, { type SaslSession } from 'pg/lib/crypto/sasl.js'
import md5 from 'pg/lib/crypto/utils.js'
import { serialize } from 'pg-protocol'
import type { AuthenticationMD5Password, BackendMessage } from 'pg-protocol/dist/messages.js'
import type { ConnectionOptions } from '../connection-options.ts'
import { ConnectError } from './errors.ts'

/** Answers the server's challenges until it says ok. `next` gives its messages in order and throws its errors. */
export async function authenticate(options: ConnectionOptions, socket: Socket, next: () => Promise<BackendMessage>): Promise<void> {
  let session: SaslSession | undefined
  const password = (): string => {
    if (options.password === undefined) throw new ConnectError('fe_sendauth: no password supplied')
    return options.password
  }
  for (;;) {
    const message = await next()
    switch (message.name) {
      case 'authenticationOk':
        return
      case 'authenticationCleartextPassword':
        socket.write(serialize.password(password()))
        break
      case 'authenticationMD5Password':
        socket.write(
          serialize.password(
            await md5.postgresMd5PasswordHash(options.user, password(), (message as unknown as AuthenticationMD5Password).salt),
          ),
        )
        break
      case 'authenticationSASL':
        session = sasl.startSession((message as unknown as { mechanisms: string[] }).mechanisms)
        socket.write(serialize.sendSASLInitialResponseMessage(session.mechanism, session.response))
        break
      case 'authenticationSASLContinue':
        await sasl.continueSession(session!, password(), (message as unknown as { data: string }).data)
        socket.write(serialize.sendSCRAMClientFinalMessage(session!.response))
        break
      case 'authenticationSASLFinal':
        sasl.finalizeSession(session!, (message as unknown as { data: string }).data)
        break
      case 'notice':
      case 'parameterStatus':
        break
      default:
        throw new ConnectError(`unexpected message ${message.name} while logging in`)
    }
  }
}
