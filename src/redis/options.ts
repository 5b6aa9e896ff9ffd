// How clients of Redis connect here: bounded in time and in what waits, again and again when the server is away.

const CONNECT_TIMEOUT_MS = 2_000
const COMMAND_TIMEOUT_MS = 500
const MAX_PAUSE_MS = 5_000
/** Commands that wait for an answer; further ones fail at once. */
const MAX_WAITING = 1_000

/** Of `redis://`, `rediss://` or `unix:///path`. */
export const clientOptions = (url: string) => ({
  disableOfflineQueue: true,
  commandsQueueMaxLength: MAX_WAITING,
  commandOptions: { timeout: COMMAND_TIMEOUT_MS },
  ...(url.startsWith('unix://') ? {} : { url }),
  socket: {
    ...(url.startsWith('unix://') ? { path: url.slice('unix://'.length) } : {}),
    connectTimeout: CONNECT_TIMEOUT_MS,
    reconnectStrategy: (tries: number) => Math.min(100 * 2 ** tries, MAX_PAUSE_MS),
  },
})
