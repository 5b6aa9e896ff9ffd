// imgproxy: pictures of a URL in another size or format. The image library runs in a process of its own, which this service supervises.
import { availableParallelism } from 'node:os'
import { defineService, type Endpoint, type ListenAddress, type RunningService } from '../../service/definition.ts'
import { answer, type State } from './answer.ts'
import { type BindAddress, imgproxyEnv } from './env.ts'
import { ImgproxyMetrics } from './metrics.ts'
import { ImagePool } from './pool/pool.ts'
import { allowedSources } from './url/allowed.ts'
import { varyOf } from './url/negotiate.ts'
import { checkPresets } from './url/parse.ts'
import { signatureCheck } from './url/signature.ts'
import { workerSettings } from './worker/settings.ts'

const SOCKET_MODE = 0o666

export interface ImgproxyService extends RunningService {
  readonly pool: ImagePool
}

export const imgproxy = defineService({
  name: 'imgproxy',
  env: imgproxyEnv,
  needs: {},
  listen: (env): readonly ListenAddress[] => [
    {
      endpoint: env.IMGPROXY_BIND.port,
      ...addressOf(env.IMGPROXY_BIND, env.IMGPROXY_NETWORK),
      reusePort: env.IMGPROXY_SO_REUSEPORT,
    },
    ...(env.IMGPROXY_PROMETHEUS_BIND
      ? [{ endpoint: env.IMGPROXY_PROMETHEUS_BIND.port, host: env.IMGPROXY_PROMETHEUS_BIND.host, port: env.IMGPROXY_PROMETHEUS_BIND.port }]
      : []),
  ],
  async start(env, ctx): Promise<ImgproxyService> {
    checkPresets(env)
    const workers = env.IMGPROXY_WORKERS ?? env.IMGPROXY_CONCURRENCY ?? availableParallelism() * 2
    const pool = new ImagePool({
      settings: workerSettings(env, workers),
      queue: env.IMGPROXY_REQUESTS_QUEUE_SIZE || env.IMGPROXY_MAX_CLIENTS,
      timeoutMs: (env.IMGPROXY_TIMEOUT ?? env.IMGPROXY_WRITE_TIMEOUT) * 1_000,
      idleMs: env.PLINTH_IMGPROXY_IDLE_TIMEOUT * 1_000,
      log: ctx.log,
    })
    const metrics = env.IMGPROXY_PROMETHEUS_BIND
      ? new ImgproxyMetrics(env.IMGPROXY_PROMETHEUS_NAMESPACE, workers, pool, () => state.inFlight)
      : undefined
    const state: State = {
      env,
      pool,
      metrics,
      log: ctx.log,
      checkSignature: signatureCheck(env),
      isAllowed: allowedSources(env.IMGPROXY_ALLOWED_SOURCES),
      vary: varyOf(env),
      inFlight: 0,
    }
    const endpoints: Endpoint[] = [{ port: env.IMGPROXY_BIND.port, handle: (req, res) => void answer(req, res, state) }]
    if (metrics && env.IMGPROXY_PROMETHEUS_BIND)
      endpoints.push({ port: env.IMGPROXY_PROMETHEUS_BIND.port, name: 'metrics', handle: metrics.handle })
    return {
      pool,
      endpoints,
      health: () => pool.health(),
      stop: () => pool.stop(),
    }
  },
})

function addressOf({ host, port, path }: BindAddress, network: string): Pick<ListenAddress, 'host' | 'port' | 'socket'> {
  if (network === 'unix') return { host: '', port: 0, socket: { path, mode: SOCKET_MODE } }
  if (network === 'tcp4' && host === '::') return { host: '0.0.0.0', port }
  // Every address, of both families where there are two.
  return { host: host === '::' && network === 'tcp' ? '*' : host, port }
}
