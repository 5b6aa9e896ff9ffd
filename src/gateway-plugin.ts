// For plugins of the gateway by third parties: what `import { ... } from 'plinth/gateway-plugin'` gives. docs/gateway-plugins.md shows one.
export { readWholeBody } from './services/gateway/body.ts'
export { type BodyFilter, wholeBody } from './services/gateway/body-filter.ts'
export type { Consumer } from './services/gateway/consumers.ts'
export type { Refusal } from './services/gateway/errors.ts'
export type { Exchange } from './services/gateway/exchange.ts'
export type { HeaderTable } from './services/gateway/header-table.ts'
export {
  type AccessStep,
  type BodyStep,
  definePlugin,
  type HeaderStep,
  type LogStep,
  type Phases,
  type Plugin,
  PluginConfigError,
  type PluginDefinition,
  type PluginSetup,
} from './services/gateway/plugin.ts'
export type { Kept, PluginState } from './services/gateway/plugin-state.ts'
export type { QueryTable } from './services/gateway/query-table.ts'
export type { TrafficRecord } from './services/gateway/record/record.ts'
export type { ResponseHead } from './services/gateway/response-head.ts'
