// `supabase gen signing-key`: a new private key for tokens, on stdout or into the file that config.toml names.
import { chmodSync, writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { makeSigningKey } from '../env/keys.ts'
import { readSigningKeys, signingKeysFile } from '../project/signing-keys.ts'
import { CliError, type Command, flagOn, flagText } from './command.ts'
import { openProject } from './project-link.ts'

export const genSigningKey: Command = {
  name: 'gen signing-key',
  summary: 'Make a private key that signs tokens',
  flags: [
    { name: 'algorithm', kind: 'string', value: 'ALGORITHM', oneOf: ['ES256', 'RS256'], default: 'ES256', help: 'algorithm of the key' },
    { name: 'append', kind: 'boolean', help: 'keep the keys that are in the file' },
  ],
  async run(invocation) {
    const { flags, io } = invocation
    const { config, supabaseDir, workDir } = openProject(invocation)
    const key = makeSigningKey(flagText(flags, 'algorithm') as 'ES256' | 'RS256')
    const path = config.auth.signing_keys_path
    if (!path) {
      io.out(`${JSON.stringify(key, null, 2)}\n`)
      io.err(
        'To use it, write it as a JSON array into a file such as supabase/signing_keys.json and set [auth] signing_keys_path = "./signing_keys.json" in supabase/config.toml. Keep the file out of version control.\n',
      )
      return 0
    }
    const file = signingKeysFile(supabaseDir, path)
    const shown = relative(workDir, file)
    const present = readSigningKeys(supabaseDir, path)
    const append = flagOn(flags, 'append')
    if (!append && present.length > 0 && !(await io.confirm(`Do you want to overwrite the existing ${shown} file?`, true))) {
      throw new CliError('context canceled')
    }
    const keys = append ? [...present, key] : [key]
    writeFileSync(file, `${JSON.stringify(keys, null, 2)}\n`, { mode: 0o600 })
    chmodSync(file, 0o600)
    io.err(append ? `JWT signing key appended to: ${shown} (now contains ${keys.length} keys)\n` : `JWT signing key saved to: ${shown}\n`)
    return 0
  },
}
