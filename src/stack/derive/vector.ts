// The variables of vector that both ways in agree on.
import type { Environment } from '../../service/definition.ts'

export const deriveVector = (publicAnalyticsToken: string): Environment => ({ LOGFLARE_PUBLIC_ACCESS_TOKEN: publicAnalyticsToken })
