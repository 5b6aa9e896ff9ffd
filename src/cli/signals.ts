// Signals of the process, as a resource: whoever listens also stops listening.

/** Calls `act` at each of these signals until disposed. */
export function onSignal(signals: readonly NodeJS.Signals[], act: (signal: NodeJS.Signals) => void): Disposable {
  for (const signal of signals) process.on(signal, act)
  return {
    [Symbol.dispose]() {
      for (const signal of signals) process.off(signal, act)
    },
  }
}
