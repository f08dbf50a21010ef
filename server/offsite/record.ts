/** What a database file holds. */
export interface Contents {
  schema: number
  /** By table. */
  rows: Record<string, number>
  bytes: number
  sha256: string
}

/** What stands beside an archive in the bucket. It is written last, so an archive without one does not count. */
export interface BackupRecord extends Contents {
  name: string
  /** Every write acknowledged before this is in the backup. */
  startedAt: string
  /** Counts backups, over instances too. */
  sequence: number
  release: string
  archive: { bytes: number; sha256: string }
  /** When the archive was read back and was the same. */
  readBackAt: string
}

/** All backups of two days, and one of each day for a month. */
export type Kind = 'recent' | 'daily'
export const kinds: Kind[] = ['recent', 'daily']

export const recordLimitBytes = 64 * 1024
const keyPattern = /^((?:recent|daily)\/(onebox-\d{8}T\d{6}Z))(\.json|\.db\.zst)$/

/** Such as `onebox-20261128T091500Z`. */
export function nameOf(startedAt: Date): string {
  return `onebox-${startedAt.toISOString().replace(/[-:]|\.\d+/g, '')}`
}

export function archiveKey(kind: Kind, name: string): string {
  return `${kind}/${name}.db.zst`
}

export function recordKey(kind: Kind, name: string): string {
  return `${kind}/${name}.json`
}

/** The parts of a key; undefined if it is not of a backup. */
export function parseKey(key: string) {
  const [, base = '', name = '', ending] = keyPattern.exec(key) ?? []
  if (base === '') return undefined
  return { base, name, isRecord: ending === '.json', archive: `${base}.db.zst` }
}

/** @throws {Error} if it is not the record of the backup of that name */
export function parseRecord(text: string, name: string): BackupRecord {
  const record = tryParse(text)
  if (isRecord(record) && record.name === name) return record
  throw new Error(`the record of ${name} is damaged`)
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isRecord(value: unknown): value is BackupRecord {
  const { rows, archive, startedAt, readBackAt, ...record } = (value ?? {}) as Partial<BackupRecord>
  return (
    isDigest(record.sha256) &&
    isDigest(archive?.sha256) &&
    [record.schema, record.bytes, record.sequence, archive?.bytes].every(isCount) &&
    Object.values(rows ?? { none: undefined }).every(isCount) &&
    [startedAt, readBackAt].every((time) => Number.isFinite(Date.parse(String(time))))
  )
}

function isDigest(value: unknown): boolean {
  return typeof value === 'string' && /^[\da-f]{64}$/.test(value)
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** What differs from the record, in words; undefined if nothing does. */
export function differenceFrom(record: Contents, found: Contents): string | undefined {
  if (found.bytes !== record.bytes) return `it has ${found.bytes} bytes and not ${record.bytes}`
  if (found.sha256 !== record.sha256) return 'its SHA-256 is another'
  if (found.schema !== record.schema) return `it has schema ${found.schema}, not ${record.schema}`
  const tables = new Set([...Object.keys(found.rows), ...Object.keys(record.rows)])
  const table = [...tables].find((each) => found.rows[each] !== record.rows[each])
  if (table === undefined) return undefined
  return `${table} has ${found.rows[table] ?? 'no'} rows and not ${record.rows[table] ?? 'none'}`
}
