// The variables of vector, from the settings of a stack.
import type { Environment } from '../../service/definition.ts'

export const deriveVector = (publicAnalyticsToken: string): Environment => ({ LOGFLARE_PUBLIC_ACCESS_TOKEN: publicAnalyticsToken })
