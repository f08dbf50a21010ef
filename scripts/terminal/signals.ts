/** Lets the first Ctrl-C end a command cleanly; a second one ends it at once. */
export function watchSignals(): () => boolean {
  let interrupted = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      interrupted = true
    })
  }
  return () => interrupted
}
