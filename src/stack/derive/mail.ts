// The variables of mail, from the settings of a stack.
import type { Environment } from '../../service/definition.ts'

/** SMTP for the services of this stack alone; the page is published by the stack. */
export const deriveMail = (smtpPort: number): Environment => ({ MP_SMTP_BIND_ADDR: `127.0.0.1:${smtpPort}` })
