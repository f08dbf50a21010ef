const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

export function text(kind: string, x: number, y: number, content: string, anchor = 'start') {
  const place = `x="${pixel(x)}" y="${pixel(y)}" text-anchor="${anchor}"`
  return `<text class="${kind.trim()}" ${place}>${escaped(content)}</text>`
}

export function rectangle(kind: string, x: number, y: number, width: number, height: number) {
  const size = `width="${pixel(width)}" height="${pixel(height)}"`
  return `<rect class="${kind}" x="${pixel(x)}" y="${pixel(y)}" ${size} rx="2"/>`
}

export function line(kind: string, x1: number, y1: number, x2: number, y2: number) {
  const from = `x1="${pixel(x1)}" y1="${pixel(y1)}"`
  return `<line class="${kind}" ${from} x2="${pixel(x2)}" y2="${pixel(y2)}"/>`
}

export function circle(kind: string, x: number, y: number, radius: number) {
  return `<circle class="${kind}" cx="${pixel(x)}" cy="${pixel(y)}" r="${radius}"/>`
}

function pixel(value: number): number {
  return Math.round(value * 10) / 10
}

function escaped(content: string): string {
  return content.replace(/[&<>"]/g, (character) => entities[character] ?? character)
}
