// The library: what `import { ... } from 'plinth'` gives.
export { type CreateStackOptions, createStack, type RunningStack } from './create-stack.ts'
export { EnvError, type EnvProblem } from './env/read.ts'
export type { NodeReport, NodeState } from './stack/service-node.ts'
export { PortsTakenError, ServiceStartError } from './stack/stack.ts'
