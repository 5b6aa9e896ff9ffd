// Which services a self-hosted stack runs, and why the others do not.
import type { SelfHostedEnv } from '../../env/self-hosted.ts'
import { absentService, CATALOGUE, type CatalogueEntry, entryNamed, inProfile, NOT_IN_THIS_VERSION } from '../catalogue.ts'
import type { AbsentService } from '../description.ts'
import type { SourceOptions } from './source.ts'

export interface ServiceChoice {
  readonly running: ReadonlySet<string>
  readonly absent: readonly AbsentService[]
  readonly notices: readonly string[]
}

/**
 * PLINTH_SERVICES, else the profile; less what the command line leaves out and what this version does not have, unless it runs
 * elsewhere.
 */
export function chooseServices(
  env: SelfHostedEnv,
  { exclude, schemas }: Pick<SourceOptions, 'exclude' | 'schemas'>,
  isElsewhere: (name: string) => boolean,
): ServiceChoice {
  const named = env.PLINTH_SERVICES?.flatMap((name) => entryNamed(name)?.name ?? [])
  const wanted = new Set(named ?? inProfile(env.PLINTH_PROFILE))
  // Everything stands on the database; asking for a service asks for it.
  if (wanted.size > 0) wanted.add('db')
  const excluded = new Set(exclude.map((name) => entryNamed(name)).flatMap((entry) => (entry?.upstream ? [entry.name] : [])))
  const ownSmtp = !wantsCatcher(env)

  const running = new Set<string>()
  const absent: AbsentService[] = []
  const missing: string[] = []
  for (const entry of CATALOGUE) {
    const why = reasonAgainst(entry)
    if (why === undefined) running.add(entry.name)
    else absent.push(absentService(entry, why))
  }
  const notices = missing.length > 0 ? [`Not in this version of Plinth yet: ${missing.join(', ')}. Their routes answer 503.`] : []
  return { running, absent, notices }

  function reasonAgainst(entry: CatalogueEntry): string | undefined {
    if (!schemas.has(entry.name) && !isElsewhere(entry.name)) {
      if (wanted.has(entry.name)) missing.push(entry.name)
      return NOT_IN_THIS_VERSION
    }
    if (excluded.has(entry.name)) return 'it was left out by --exclude.'
    if (!wanted.has(entry.name)) {
      return named
        ? `add ${entry.name} to PLINTH_SERVICES in .env and start again.`
        : `set PLINTH_PROFILE=${entry.profile} in .env and start again (it is ${env.PLINTH_PROFILE}).`
    }
    if (entry.name === 'mail' && ownSmtp) return `mails go to the SMTP_HOST of .env; unset it to have them caught here.`
    return undefined
  }
}

/** SMTP_HOST unset, or the compose file's name for the catcher. */
export const wantsCatcher = ({ SMTP_HOST }: SelfHostedEnv): boolean => !SMTP_HOST || entryNamed(SMTP_HOST)?.name === 'mail'
