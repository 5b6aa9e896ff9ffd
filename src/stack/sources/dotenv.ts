// The way in of a self-hosted stack: a folder with a `.env`, made with fresh secrets where there is none.
import { basename, join, resolve } from 'node:path'
import { demoSecretsIn } from '../../env/development-keys.ts'
import { completeEnvFile, type EnvFile, readEnvFile } from '../../env/env-file.ts'
import { checkEnv, EnvError, type EnvProblem, type OriginOf } from '../../env/read.ts'
import { isLoopback, selfHostedEnv } from '../../env/self-hosted.ts'
import { list } from '../../env/types.ts'
import type { Environment } from '../../service/definition.ts'
import { CATALOGUE, type CatalogueEntry, entryNamed, needsAmong } from '../catalogue.ts'
import { isOwn } from '../derive/own.ts'
import type { NodeDescription, Place, StackDescription } from '../description.ts'
import { keptPort } from '../kept-ports.ts'
import { migrateSchemas } from '../migrate-schemas.ts'
import { placeOf } from '../placement.ts'
import { isFree } from '../ports.ts'
import { stateDirOf } from '../state-dir.ts'
import { chooseServices } from './dotenv-choice.ts'
import { noticesOf } from './dotenv-notices.ts'
import { publishedPorts } from './dotenv-ports.ts'
import { deriveAll, type SelfHosted, settingsOf, textOf } from './dotenv-services.ts'
import { statusValues } from './dotenv-values.ts'
import type { SourceOptions } from './source.ts'

export const ENV_FILE = '.env'

/** Describes the stack of a folder without config.toml. Throws EnvError with everything that is to mend, before anything is started. */
export async function describeSelfHosted(options: SourceOptions): Promise<StackDescription> {
  const { workDir, env, schemas, migrations } = options
  const path = join(workDir, ENV_FILE)
  refuseWrong(options, path)
  const file = await completeEnvFile({ path, env, isFree: (port) => isFree('127.0.0.1', port), report: options.report })
  const source: Environment = { ...file.values, ...withoutEmpty(env) }
  const originOf = originIn(file, env)

  const { values, problems } = checkEnv(selfHostedEnv, source, originOf)
  const found: EnvProblem[] = [...problems, ...unknownServices(source, originOf)]
  if (values === undefined) throw new EnvError([...found, ...ownProblems(source, schemas, originOf)])

  const placeIn = (name: string) => placeOf(name, source)
  const choice = chooseServices(values, options, (name) => placeIn(name).at === 'address')
  const stateDir = stateDirOf(workDir)
  const stack: SelfHosted = {
    env: values,
    settings: settingsOf(values),
    source,
    workDir,
    stateDir,
    dataDir: values.PLINTH_DATA_DIR === undefined ? stateDir : resolve(workDir, values.PLINTH_DATA_DIR),
    running: choice.running,
    here: new Set([...choice.running].filter((name) => placeIn(name).at !== 'address')),
    mailPorts: await mailPortsOf(source, stateDir),
  }
  const derived = deriveAll(stack)
  const nodes = CATALOGUE.filter(({ name }) => choice.running.has(name)).map((entry) =>
    nodeOf(entry, derived.get(entry.name) ?? {}, choice.running, placeIn(entry.name)),
  )
  found.push(...demoProblems(values.PLINTH_HOST, { ...source, ...textOf(values) }, originOf))
  for (const node of nodes) {
    const schema = schemas.get(node.kind)
    const origin = (name: string) => (isOwn(node.kind, name) && source[name] ? originOf(name) : `derived from ${ENV_FILE}`)
    if (schema && node.place.at !== 'address') found.push(...checkEnv(schema, node.env, origin).problems)
  }
  if (found.length > 0) throw new EnvError(found)

  return {
    name: basename(workDir) || 'plinth',
    form: 'self-hosted',
    workDir,
    stateDir,
    nodes,
    absent: choice.absent,
    values: statusValues(stack, schemas),
    ports: publishedPorts(stack),
    prepare: (database) => migrateSchemas(database.adminUrl, migrations),
    notices: [...(await noticesOf(stack, file)), ...choice.notices],
  }
}

/** Nothing is written while a value that is there is wrong: keys made from a wrong JWT_SECRET would outlive its correction. */
function refuseWrong({ env, schemas }: SourceOptions, path: string): void {
  const file = readEnvFile(path, env)
  const source: Environment = { ...file.values, ...withoutEmpty(env) }
  const originOf = originIn(file, env)
  const wrong = checkEnv(selfHostedEnv, source, originOf).problems.filter(({ name }) => source[name] || source[`${name}_FILE`])
  const open = source['PLINTH_HOST']
  if (open && !isLoopback(open)) wrong.push(...demoProblems(open, source, originOf))
  if (wrong.length > 0) throw new EnvError([...wrong, ...unknownServices(source, originOf), ...ownProblems(source, schemas, originOf)])
}

const originIn =
  (file: EnvFile, env: Environment): OriginOf =>
  (name) =>
    env[name] ? 'the environment' : file.lines.has(name) ? `${ENV_FILE}, line ${file.lines.get(name)}` : undefined

const withoutEmpty = (env: Environment): Environment => Object.fromEntries(Object.entries(env).filter(([, value]) => value))

const nodeOf = (entry: CatalogueEntry, env: Environment, running: ReadonlySet<string>, place: Place): NodeDescription => ({
  name: entry.name,
  kind: entry.name,
  aliases: entry.aliases,
  env,
  needs: needsAmong(entry, running),
  health: entry.health,
  place,
})

function unknownServices(source: Environment, originOf: OriginOf): EnvProblem[] {
  return ['PLINTH_SERVICES', 'PLINTH_PROCESSES'].flatMap((variable) => {
    const { data: names = [] } = list.optional().safeParse(source[variable])
    const unknown = names.filter((name) => !entryNamed(name) && !(variable === 'PLINTH_PROCESSES' && name === 'all'))
    if (unknown.length === 0) return []
    const origin = originOf(variable)
    const expected = `expected names among ${CATALOGUE.map(({ name }) => name).join(', ')}, not ${unknown.join(', ')}`
    return [{ name: variable, expected, ...(origin === undefined ? {} : { origin }) }]
  })
}

/** What is wrong with the services' own variables, where nothing can be derived yet. */
function ownProblems(source: Environment, schemas: SourceOptions['schemas'], originOf: OriginOf): EnvProblem[] {
  return [...schemas].flatMap(([kind, schema]) => {
    const own = Object.fromEntries(Object.entries(source).filter(([name]) => isOwn(kind, name) && !(name in selfHostedEnv.shape)))
    return checkEnv(schema, own, originOf).problems.filter(({ name }) => name in own)
  })
}

function demoProblems(host: string, source: Environment, originOf: OriginOf): EnvProblem[] {
  if (isLoopback(host)) return []
  return demoSecretsIn(source).map((name) => {
    const origin = originOf(name)
    const expected = `expected a value of your own: this one is published, and PLINTH_HOST=${host} opens the stack to others`
    return { name, expected, ...(origin === undefined ? {} : { origin }) }
  })
}

/** SMTP and the page of the mail catcher: free ports that stay the same and that no other variable asks for, or those of its own variables. */
async function mailPortsOf(source: Environment, stateDir: string): Promise<SelfHosted['mailPorts']> {
  const portIn = (bind: string | undefined) => Number(/:(\d{1,5})$/.exec(bind ?? '')?.[1]) || undefined
  const wanted = Object.entries(source).flatMap(([name, value]) => (/_PORT(_|$)/.test(name) ? [Number(value)] : []))
  const smtp = portIn(source['MP_SMTP_BIND_ADDR']) ?? (await keptPort(stateDir, 'smtp', new Set(wanted)))
  return { smtp, page: portIn(source['MP_UI_BIND_ADDR']) ?? (await keptPort(stateDir, 'mail', new Set([...wanted, smtp]))) }
}
