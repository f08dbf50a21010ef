/** Stops this process like a machine that stands still, servers and clients in it included. */
export function stall(ms: number) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
