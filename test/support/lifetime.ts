/** What has to be undone in the end: a test, or whatever else lives for a while. */
export interface Lifetime {
  after: (cleanup: () => unknown) => void
}
