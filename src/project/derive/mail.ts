// [inbucket]: variables of the mail catcher.
import type { DeriveContext, Variables } from './context.ts'

export function mail({ smtpPort, project }: DeriveContext): Variables {
  return {
    MP_SMTP_BIND_ADDR: `127.0.0.1:${smtpPort ?? 0}`,
    MP_UI_BIND_ADDR: `127.0.0.1:${project.config.inbucket.port}`,
  }
}
