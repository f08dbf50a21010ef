import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** A package's entry in package-lock.json. */
export interface LockedPackage {
  version: string
  /** `sha512-` and the Base64 digest of the package in the registry. */
  integrity: string
  license?: string | { type: string }[]
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
}

/** By folder, such as `node_modules/pm2/node_modules/semver`. */
export type LockedPackages = Record<string, LockedPackage>

export const root = resolve(import.meta.dirname, '../..')
const lockfile = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))

/** The locked packages of these folders, in order. */
export function lockedPackages(folders: Iterable<string>): LockedPackages {
  return Object.fromEntries([...new Set(folders)].sort().map((folder) => [folder, locked(folder)]))
}

/** The folders of a package and its dependencies, found as Node finds them, without those to skip. */
export function closure(
  folder: string,
  skipped: readonly string[] = [],
  found = new Set<string>(),
): Set<string> {
  if (found.has(folder)) return found
  found.add(folder)
  const { dependencies, optionalDependencies } = locked(folder)
  const names = Object.keys({ ...dependencies, ...optionalDependencies })
  for (const name of names) {
    if (!skipped.includes(name)) closure(folderOf(name, folder), skipped, found)
  }
  return found
}

function folderOf(name: string, from: string): string {
  const folder = join(from, 'node_modules', name)
  if (from === '' || lockfile.packages[folder]) return folder
  return folderOf(name, from.slice(0, Math.max(0, from.lastIndexOf('/node_modules/'))))
}

function locked(folder: string): LockedPackage {
  const found = lockfile.packages[folder]
  if (found) return found
  throw new Error(`package-lock.json lacks ${folder}: run npm install`)
}
