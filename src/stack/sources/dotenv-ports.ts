// The sockets that a self-hosted stack opens, and which setting moves each.
import { isEmbeddedHost } from '../../env/self-hosted.ts'
import type { PublishedPort } from '../description.ts'
import { httpPortOf, type SelfHosted } from './dotenv-services.ts'

export function publishedPorts({ env, here, mailPorts }: SelfHosted): PublishedPort[] {
  const ports: PublishedPort[] = []
  const host = env.PLINTH_HOST
  if (here.has('gateway')) {
    const setting = env.KONG_HTTP_PORT === undefined && env.API_GW_HTTP_PORT !== undefined ? 'API_GW_HTTP_PORT' : 'KONG_HTTP_PORT'
    ports.push({ host, port: httpPortOf(env), node: 'gateway', endpoint: 8_000, setting: `${setting} in .env`, label: 'API' })
    ports.push({
      host,
      port: env.KONG_HTTPS_PORT,
      node: 'gateway',
      endpoint: 8_443,
      setting: 'KONG_HTTPS_PORT in .env',
      label: 'API over TLS',
    })
  }
  if (here.has('db') && isEmbeddedHost(env.POSTGRES_HOST)) {
    ports.push({ host, port: env.POSTGRES_PORT, node: 'db', setting: 'POSTGRES_PORT in .env', label: 'database' })
  }
  if (here.has('pooler')) {
    ports.push({
      host,
      port: env.POOLER_PROXY_PORT_TRANSACTION,
      node: 'pooler',
      setting: 'POOLER_PROXY_PORT_TRANSACTION in .env',
      label: 'pooler',
    })
  }
  if (here.has('mail')) {
    // Mails hold links that sign people in: they are for this machine alone, whatever PLINTH_HOST says.
    ports.push({
      host: '127.0.0.1',
      port: mailPorts.page,
      node: 'mail',
      endpoint: 8_025,
      setting: 'MP_UI_BIND_ADDR in .env',
      label: 'mail',
    })
    ports.push({ host: '127.0.0.1', port: mailPorts.smtp, node: 'mail', setting: 'MP_SMTP_BIND_ADDR in .env', label: 'SMTP' })
  }
  return ports
}
