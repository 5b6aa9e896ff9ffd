// The file that keeps accounts and certificates of the authorities, in the form of Traefik's acme.json, so that either takes over what
// the other obtained. Only its owner may read it.
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { chmod, open, readFile, rename, stat } from 'node:fs/promises'
import { z } from 'zod'

/** The names of one certificate. */
export interface Domain {
  readonly main: string
  readonly sans: readonly string[]
}

export interface StoredCertificate {
  readonly domain: Domain
  /** PEM, with its chain. */
  readonly cert: string
  readonly key: string
}

export interface StoredAccount {
  readonly email: string
  readonly url: string
  readonly key: KeyObject
}

export interface StoredResolver {
  readonly account: StoredAccount | undefined
  readonly certificates: readonly StoredCertificate[]
}

/** A file that is no such store, or one that others may read. */
export class AcmeStoreError extends Error {}

const base64 = z.string().transform((text) => Buffer.from(text, 'base64'))
const resolverSchema = z.object({
  Account: z
    .object({
      Email: z.string().default(''),
      Registration: z.object({ uri: z.string() }).nullish(),
      PrivateKey: base64.nullish(),
    })
    .nullish(),
  Certificates: z
    .array(
      z.object({
        domain: z.object({ main: z.string(), sans: z.array(z.string()).nullish() }),
        certificate: base64,
        key: base64,
      }),
    )
    .nullish(),
})
const fileSchema = z.record(z.string(), resolverSchema.nullable())

export class AcmeStore {
  readonly #file: string
  /** Writes follow each other: two resolvers may share one file. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(file: string) {
    this.#file = file
  }

  /** Throws AcmeStoreError. */
  async read(resolver: string): Promise<StoredResolver> {
    const { Account: account, Certificates: certificates } = (await this.#readAll())[resolver] ?? {}
    return {
      account:
        account?.PrivateKey && account.Registration
          ? { email: account.Email, url: account.Registration.uri, key: accountKey(account.PrivateKey) }
          : undefined,
      certificates: (certificates ?? []).map(({ domain, certificate, key }) => ({
        domain: { main: domain.main, sans: domain.sans ?? [] },
        cert: certificate.toString(),
        key: key.toString(),
      })),
    }
  }

  /** Replaces what is kept of one resolver; whoever reads meanwhile sees the old or the new. */
  write(resolver: string, { account, certificates }: StoredResolver): Promise<void> {
    const written = this.#last
      .catch(() => {})
      .then(async () => {
        const text = await this.#text()
        const all: Record<string, unknown> = text === '' ? {} : JSON.parse(text)
        all[resolver] = {
          Account: account && {
            Email: account.email,
            Registration: { body: { status: 'valid', contact: account.email ? [`mailto:${account.email}`] : [] }, uri: account.url },
            PrivateKey: derOf(account.key).toString('base64'),
            KeyType: String(account.key.asymmetricKeyDetails?.modulusLength ?? ''),
          },
          Certificates: certificates.map(({ domain, cert, key }) => ({
            domain,
            certificate: Buffer.from(cert).toString('base64'),
            key: Buffer.from(key).toString('base64'),
            Store: 'default',
          })),
        }
        await replaceFile(this.#file, `${JSON.stringify(all, undefined, 2)}\n`)
      })
    this.#last = written
    return written
  }

  async #readAll(): Promise<z.output<typeof fileSchema>> {
    const text = await this.#text()
    if (text.trim() === '') return {}
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch {
      throw new AcmeStoreError(`${this.#file}: not JSON`)
    }
    const { data, error } = fileSchema.safeParse(value)
    if (!data) throw new AcmeStoreError(`${this.#file}: ${error.issues[0]?.path.join('.')}: ${error.issues[0]?.message}`)
    return data
  }

  async #text(): Promise<string> {
    try {
      const { mode } = await stat(this.#file)
      if ((mode & 0o077) !== 0)
        throw new AcmeStoreError(`${this.#file}: permissions ${(mode & 0o777).toString(8)} are too open, use 600: it holds private keys`)
      return await readFile(this.#file, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
      throw error
    }
  }
}

async function replaceFile(file: string, text: string): Promise<void> {
  const next = `${file}.new`
  const handle = await open(next, 'w', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await chmod(next, 0o600)
  await rename(next, file)
}

function accountKey(der: Buffer): KeyObject {
  for (const type of ['pkcs1', 'sec1', 'pkcs8'] as const)
    try {
      return createPrivateKey({ key: der, format: 'der', type })
    } catch {
      // Another of the forms that keys are kept in.
    }
  throw new AcmeStoreError('the key of the account is none')
}

const derOf = (key: KeyObject): Buffer => key.export({ format: 'der', type: key.asymmetricKeyType === 'rsa' ? 'pkcs1' : 'sec1' })
