/** The Distinguished Encoding Rules of ASN.1, as far as a certificate request needs them (X.690). */

/** A value that is made of others, or of bytes. */
export function der(tag: number, ...contents: Uint8Array[]): Buffer {
  const content = Buffer.concat(contents)
  return Buffer.concat([Uint8Array.of(tag), length(content.length), content])
}

export const sequence = (...contents: Uint8Array[]) => der(0x30, ...contents)
export const set = (...contents: Uint8Array[]) => der(0x31, ...contents)
export const integer = (...bytes: number[]) => der(0x02, Uint8Array.from(bytes))
export const octets = (content: Uint8Array) => der(0x04, content)
/** Of whole bytes. */
export const bits = (content: Uint8Array) => der(0x03, Uint8Array.of(0), content)

/** An object identifier such as `2.5.29.17`. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...arcs] = dotted.split('.').map(Number)
  return der(0x06, Uint8Array.from([first * 40 + second, ...arcs.flatMap(base128)]))
}

/** In groups of seven bits; all bytes but the last have the top bit set. */
function base128(value: number): number[] {
  const groups = [value & 127]
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) groups.unshift((rest & 127) | 128)
  return groups
}

function length(count: number): Buffer {
  if (count < 128) return Buffer.of(count)
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(count)
  const used = bytes.subarray(bytes.findIndex((byte) => byte !== 0))
  return Buffer.concat([Uint8Array.of(128 + used.length), used])
}
