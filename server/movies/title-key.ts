// Marks that people leave out as they type: Latin, Greek and Cyrillic accents, Hebrew and Arabic
// vowels. Marks of other scripts are letters.
const marks = /[\u0300-\u036f\u0591-\u05c7\u064b-\u065f]/g

// Letters that do not decompose, and characters that keyboards lack.
const plain: Record<string, string> = {
  ...{ æ: 'ae', œ: 'oe', ø: 'o', ß: 'ss', ł: 'l', đ: 'd', ð: 'd', þ: 'th', ħ: 'h', ı: 'i', ς: 'σ' },
  ...{ '‘': "'", '’': "'", '“': '"', '”': '"', '–': '-', '—': '-', '…': '...' },
}
const special = new RegExp(`[${Object.keys(plain).join('')}]`, 'g')

/**
 * What a title is found by: the same whatever its case and accents. For titles in ASCII, it is what
 * `lower` makes of them in SQL.
 */
export function titleKey(title: string): string {
  const lower = title.toLowerCase()
  if (isAscii(title)) return lower
  const decomposed = lower.normalize('NFD').replace(marks, '')
  return decomposed.replace(special, (character) => plain[character] as string)
}

export function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text)
}
