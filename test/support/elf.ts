/** What a 64-bit program or library asks the loader for. */
interface Dynamic {
  /** The libraries, such as `libc.so.6`. */
  needed: string[]
  /** The names of all symbols that it takes or gives, and of their versions. */
  names: string[]
}

const loadSegment = 1
const dynamicSegment = 2
const neededTag = 1
const stringTableTag = 5
const stringTableSizeTag = 10

/** Reads https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.dynamic.html */
export function readDynamic(elf: Buffer): Dynamic {
  const segments = readSegments(elf)
  const { offset = 0, bytes = 0 } = segments.find(({ type }) => type === dynamicSegment) ?? {}
  const entries = Array.from({ length: bytes / 16 }, (_, index) => ({
    tag: readWord(elf, offset + index * 16),
    value: readWord(elf, offset + index * 16 + 8),
  }))
  const entryOf = (wanted: number) => entries.find(({ tag }) => tag === wanted)?.value ?? 0
  const start = placeOf(entryOf(stringTableTag))
  const strings = elf.toString('latin1', start, start + entryOf(stringTableSizeTag))
  return {
    needed: entries
      .filter(({ tag }) => tag === neededTag)
      .map(({ value }) => strings.slice(value, strings.indexOf('\0', value))),
    names: strings.split('\0').filter((name) => name !== ''),
  }

  function placeOf(address: number): number {
    const loaded = segments.find(
      (one) =>
        one.type === loadSegment && address >= one.address && address < one.address + one.bytes,
    )
    return address - (loaded?.address ?? 0) + (loaded?.offset ?? 0)
  }
}

function readSegments(elf: Buffer) {
  const first = readWord(elf, 32)
  return Array.from({ length: elf.readUInt16LE(56) }, (_, index) => {
    const at = first + index * elf.readUInt16LE(54)
    return {
      type: elf.readUInt32LE(at),
      offset: readWord(elf, at + 8),
      address: readWord(elf, at + 16),
      bytes: readWord(elf, at + 32),
    }
  })
}

function readWord(elf: Buffer, at: number): number {
  return Number(elf.readBigUInt64LE(at))
}
