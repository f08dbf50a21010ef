import { createRequire } from 'node:module'

// biome-ignore lint/suspicious/noExplicitAny: whatever a program says, checked by tests
export type Properties = Record<string, any>

// Pulumi's own protobuf, which comes without types.
const load = createRequire(createRequire(import.meta.url).resolve('@pulumi/pulumi'))
export const { Struct } = load('google-protobuf/google/protobuf/struct_pb.js')

// Pulumi's own marks in what it sends, from its sdk/nodejs/runtime/rpc.ts.
const markKey = '4dabf18193072939515e22adb298388d'
const secretMark = '1b47061264138c4ac30d75fd1eb44270'

export function secret(value: unknown) {
  return { [markKey]: secretMark, value }
}

/** The same with plain values for secrets. */
export function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const { [markKey]: mark, ...rest } = value as Properties
  if (mark === secretMark) return plain(rest.value)
  return Object.fromEntries(Object.entries(rest).map(([key, inner]) => [key, plain(inner)]))
}

/** The names of those that are or hold secrets. */
export function secretsOf(properties: Properties): string[] {
  return Object.keys(properties).filter((name) =>
    JSON.stringify(properties[name]).includes(secretMark),
  )
}
