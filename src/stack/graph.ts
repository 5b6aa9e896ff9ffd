// Services as a dependency graph: what is wrong with it, in which levels it starts, and who stands on whom.
import type { Condition } from '../service/definition.ts'

export interface GraphNode {
  readonly name: string
  readonly needs: Readonly<Record<string, Condition>>
}

export class GraphError extends Error {
  constructor(problems: readonly string[]) {
    super(`The services cannot be ordered:\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
    this.name = 'GraphError'
  }
}

/** Nodes by level: everything in one level may start at once when the levels before it have. Throws GraphError naming every fault. */
export function levelsOf<Node extends GraphNode>(nodes: readonly Node[]): Node[][] {
  const problems: string[] = []
  const byName = new Map<string, Node>()
  for (const node of nodes) {
    if (byName.has(node.name)) problems.push(`${node.name} is declared twice`)
    byName.set(node.name, node)
  }
  for (const node of nodes) {
    for (const need of Object.keys(node.needs))
      if (!byName.has(need)) problems.push(`${node.name} needs ${need}, which is not a service of this stack`)
  }
  const levels: Node[][] = []
  const placed = new Set<string>()
  while (placed.size < byName.size) {
    const ready = [...byName.values()].filter(
      (node) => !placed.has(node.name) && Object.keys(node.needs).every((need) => placed.has(need) || !byName.has(need)),
    )
    if (ready.length === 0) break
    levels.push(ready)
    for (const node of ready) placed.add(node.name)
  }
  const left = [...byName.values()].filter((node) => !placed.has(node.name))
  if (left.length > 0) problems.push(`these need each other in a circle: ${cycleIn(left).join(' -> ')}`)
  if (problems.length > 0) throw new GraphError(problems)
  return levels
}

function cycleIn(nodes: readonly GraphNode[]): string[] {
  const byName = new Map(nodes.map((node) => [node.name, node]))
  const path: string[] = []
  let current: GraphNode | undefined = nodes[0]
  while (current && !path.includes(current.name)) {
    path.push(current.name)
    current = byName.get(Object.keys(current.needs).find((need) => byName.has(need)) ?? '')
  }
  return current ? [...path.slice(path.indexOf(current.name)), current.name] : path
}

/** Everything that stands on `name`, directly or not; `name` itself is not in it. */
export function dependentsOf<Node extends GraphNode>(nodes: readonly Node[], name: string): Node[] {
  const found = new Set<string>([name])
  for (let grown = true; grown; ) {
    grown = false
    for (const node of nodes) {
      if (found.has(node.name) || !Object.keys(node.needs).some((need) => found.has(need))) continue
      found.add(node.name)
      grown = true
    }
  }
  return nodes.filter((node) => node.name !== name && found.has(node.name))
}
