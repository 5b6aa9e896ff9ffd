// What a route is: method, path, who may call it, what it counts against, and its handler. One route per file in routes/.
import type { AuthEnv } from './env.ts'
import type { LimitName } from './limits/limits.ts'
import type { AdminCall, Answer, Call, UserCall } from './request/call.ts'
import type { AuthState } from './state.ts'

interface Common {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Parameters as `:name`. */
  readonly path: string
  /** Throws where the route's feature is off; asked before anything else. */
  readonly gate?: (env: AuthEnv) => void
  readonly limit?: LimitName
  /** The body must carry a captcha's proof, where captcha is on; a function decides by the call. */
  readonly captcha?: boolean | ((call: Call) => boolean)
}

export interface PublicRoute extends Common {
  readonly access: 'public'
  handle(call: Call, state: AuthState): Promise<Answer>
}
export interface UserRoute extends Common {
  readonly access: 'user'
  /** False where anonymous users are turned away. */
  readonly anonymous?: false
  handle(call: UserCall, state: AuthState): Promise<Answer>
}
export interface AdminRoute extends Common {
  readonly access: 'admin'
  handle(call: AdminCall, state: AuthState): Promise<Answer>
}
export type Route = PublicRoute | UserRoute | AdminRoute

export const publicRoute = (route: Omit<PublicRoute, 'access'>): PublicRoute => ({ ...route, access: 'public' })
export const userRoute = (route: Omit<UserRoute, 'access'>): UserRoute => ({ ...route, access: 'user' })
export const adminRoute = (route: Omit<AdminRoute, 'access'>): AdminRoute => ({ ...route, access: 'admin' })
