// What nobody caught: a bug in one request or timer. It is told, and by itself ends nothing: the other requests know nothing of it.

/** Calls `act` with every exception and rejection that nobody caught, until disposed. */
export function onCrash(act: (error: unknown) => void): Disposable {
  process.on('uncaughtException', act)
  process.on('unhandledRejection', act)
  return {
    [Symbol.dispose]() {
      process.off('uncaughtException', act)
      process.off('unhandledRejection', act)
    },
  }
}
