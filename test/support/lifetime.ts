/** What has to be undone in the end: a test, or whatever else lives for a while. */
export interface Lifetime {
  after: (cleanup: () => unknown) => void
}

/** Runs something that is no test, and undoes in the end what it has set up, the latest first. */
export async function withLifetime(run: (t: Lifetime) => Promise<void>) {
  const cleanups: (() => unknown)[] = []
  try {
    await run({ after: (cleanup) => void cleanups.push(cleanup) })
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup()
  }
}
