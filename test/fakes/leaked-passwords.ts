// A double of the range API of Have I Been Pwned: suffixes of SHA-1 hashes by their first five digits, with padding where it is asked for.
import { createHash } from 'node:crypto'
import { type Answer, type RemoteRequest, startRemoteHosts } from './remote-hosts.ts'

export interface FakeLeaks extends AsyncDisposable {
  readonly asked: RemoteRequest[]
  /** Instead of the list: an error, silence. */
  trouble: Answer | undefined
}

export const sha1Of = (text: string): string => createHash('sha1').update(text).digest('hex').toUpperCase()

/** `leaked`: how often each password was seen; 0 makes a line as padding has it. */
export async function startLeakedPasswords(leaked: Readonly<Record<string, number>>): Promise<FakeLeaks> {
  const fake: { asked: RemoteRequest[]; trouble: Answer | undefined } = { asked: [], trouble: undefined }
  const hosts = await startRemoteHosts(['api.pwnedpasswords.com'], (request) => {
    fake.asked.push(request)
    if (fake.trouble) return fake.trouble
    const prefix = /^https:\/\/api\.pwnedpasswords\.com\/range\/([0-9A-F]{5})$/.exec(request.url)?.[1]
    if (prefix === undefined) return { status: 400, text: 'The hash prefix was not in a valid format' }
    const found = Object.entries(leaked)
      .map(([password, count]) => [sha1Of(password), count] as const)
      .filter(([hash]) => hash.startsWith(prefix))
      .map(([hash, count]) => `${hash.slice(5)}:${count}`)
    const padding =
      request.headers['add-padding'] === 'true' ? Array.from({ length: 800 }, (_, i) => `${sha1Of(`pad ${i}`).slice(5)}:0`) : []
    return { text: [...padding, ...found].sort().join('\r\n') }
  })
  return Object.assign(fake, { [Symbol.asyncDispose]: () => hosts[Symbol.asyncDispose]() })
}
