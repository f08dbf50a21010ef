/**
 * The media type among `offered` that the client prefers (RFC 9110, 12.5.1). The first one wins a
 * tie, and is also used when the client accepts none of them.
 */
export function preferredType<Type extends string>(
  accept: string | undefined,
  offered: readonly [Type, ...Type[]],
): Type {
  const ranges = rangesOf(accept ?? '*/*')
  return offered.reduce((best, type) =>
    qualityOf(type, ranges) > qualityOf(best, ranges) ? type : best,
  )
}

const types = ['application/json', 'application/problem+json', 'text/html'] as const

/** Whether the client prefers a page to JSON, as browsers do. */
export function prefersHtml(accept: string | undefined): boolean {
  if (accept === undefined || accept === '*/*') return false
  return preferredType(accept, types) === 'text/html'
}

/** The quality of the most specific range that matches the type. */
function qualityOf(type: string, ranges: Map<string, number>): number {
  const [main] = type.split('/')
  return ranges.get(type) ?? ranges.get(`${main}/*`) ?? ranges.get('*/*') ?? 0
}

/** Each media range with its quality. Parameters other than `q` are ignored. */
function rangesOf(accept: string): Map<string, number> {
  const ranges = new Map<string, number>()
  for (const part of accept.toLowerCase().split(',')) {
    const [range = '', ...parameters] = part.split(';').map((text) => text.trim())
    const quality = readQuality(parameters)
    if (quality >= (ranges.get(range) ?? 0)) ranges.set(range, quality)
  }
  return ranges
}

/** 1 without a `q`, 0 for an invalid one. */
function readQuality(parameters: string[]): number {
  const [, text] =
    parameters.map((parameter) => /^q\s*=\s*(.*)$/.exec(parameter)).find(Boolean) ?? []
  const quality = text === undefined ? 1 : Number(text)
  return quality >= 0 && quality <= 1 ? quality : 0
}
