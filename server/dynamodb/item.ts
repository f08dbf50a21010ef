/** An attribute as DynamoDB has it: text, or a number as text. */
export type Attribute = { S: string } | { N: string }

export type Item = Record<string, Attribute>

export function text(value: string): Attribute {
  return { S: value }
}

/** Always written the same way, as some emulators compare numbers as text. */
export function number(value: number): Attribute {
  return { N: String(value) }
}

export function textOf(item: Item, name: string): string {
  const attribute = item[name]
  return attribute !== undefined && 'S' in attribute ? attribute.S : ''
}

/** 0 without such an attribute. */
export function numberOf(item: Item, name: string): number {
  const attribute = item[name]
  return attribute !== undefined && 'N' in attribute ? Number(attribute.N) : 0
}
