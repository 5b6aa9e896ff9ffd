// One request, one direction: who is calling, how often, with which proof, then the route's own work. Each room may refuse.
import { errors } from './errors.ts'
import { checkCaptcha } from './limits/captcha.ts'
import { isAdmin, requireAdmin, requireUser } from './request/bearer.ts'
import type { Answer, Call } from './request/call.ts'
import type { Route } from './route.ts'
import type { AuthState } from './state.ts'

/** Rejects with what `refuse` makes an answer of; also when the work takes longer than a request may. */
export async function answer(route: Route, call: Call, state: AuthState): Promise<Answer> {
  const limitMs = state.env.GOTRUE_API_MAX_REQUEST_DURATION
  if (!limitMs) return handle(route, call, state)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(errors.timeout()), limitMs)
  })
  try {
    return await Promise.race([handle(route, call, state), late])
  } finally {
    clearTimeout(timer)
  }
}

async function handle(route: Route, call: Call, state: AuthState): Promise<Answer> {
  route.gate?.(state.env)
  switch (route.access) {
    case 'public':
      await pass(route, call, state)
      return route.handle(call, state)
    case 'user': {
      const userCall = await requireUser(state, call)
      if (route.anonymous === false && userCall.user.is_anonymous) throw errors.anonymousRefused()
      await pass(route, call, state)
      return route.handle(userCall, state)
    }
    case 'admin': {
      const adminCall = await requireAdmin(state, call)
      await pass(route, call, state)
      return route.handle(adminCall, state)
    }
  }
}

async function pass(route: Route, call: Call, state: AuthState): Promise<void> {
  if (route.limit) await state.limits.request(route.limit, call)
  const wanted = typeof route.captcha === 'function' ? route.captcha(call) : route.captcha
  if (wanted && state.env.GOTRUE_SECURITY_CAPTCHA_ENABLED && !(await isAdmin(state, call))) await checkCaptcha(state.env, call)
}
