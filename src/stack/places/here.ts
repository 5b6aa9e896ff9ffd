// A service in this process.
import { readEnv } from '../../env/read.ts'
import type { RunningService, ServiceContext } from '../../service/definition.ts'
import type { NodeDescription } from '../description.ts'
import { loadKind } from '../kinds.ts'

export async function startHere(node: NodeDescription, ctx: ServiceContext): Promise<RunningService> {
  const definition = await loadKind(node.kind)
  return definition.start(readEnv(definition.env as Parameters<typeof readEnv>[0], node.env), ctx)
}
