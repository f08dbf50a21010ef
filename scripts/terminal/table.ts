/** A table of text: the first column to the left, the others to the right. */
export function table(head: string[], rows: string[][]): string {
  const lines = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...lines.map((line) => width(line[column]))))
  return lines.map((line) => line.map((cell, at) => pad(cell, at, widths)).join('  ')).join('\n')
}

function pad(cell: string, column: number, widths: number[]): string {
  const size = widths[column] ?? 0
  return column === 0 ? cell.padEnd(size) : cell.padStart(size)
}

function width(cell = ''): number {
  return cell.length
}
