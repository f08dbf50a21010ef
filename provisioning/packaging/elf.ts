import assert from 'node:assert/strict'

// Offsets in a 64-bit ELF file: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
const programHeaders = 32
const sectionHeaders = 40
const programHeaderBytes = 56
const programHeaderCount = 56
const sectionHeaderBytes = 58

/**
 * A program without symbol tables and debug sections, as after `strip`. They come last in the file,
 * after the segments of the program headers, which are all that is loaded.
 */
export function dropSymbols(elf: Buffer): Buffer {
  assert.equal(elf.toString('latin1', 0, 6), '\x7fELF\x02\x01', '64-bit and little-endian')
  const stripped = Buffer.from(elf.subarray(0, endOfSegments(elf)))
  // The section headers' offset, then their size, count and names.
  stripped.fill(0, sectionHeaders, sectionHeaders + 8)
  stripped.fill(0, sectionHeaderBytes, sectionHeaderBytes + 6)
  return stripped
}

function endOfSegments(elf: Buffer): number {
  const first = Number(elf.readBigUInt64LE(programHeaders))
  const ends = Array.from({ length: elf.readUInt16LE(programHeaderCount) }, (_, index) => {
    const header = first + index * programHeaderBytes
    return Number(elf.readBigUInt64LE(header + 8) + elf.readBigUInt64LE(header + 32))
  })
  return Math.max(...ends)
}
