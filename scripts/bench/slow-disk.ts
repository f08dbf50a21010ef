import { join } from 'node:path'
import { step } from '../terminal/step.ts'
import { hasCommand, run } from './processes.ts'
import { note } from './report/print.ts'

/** The library that delays each fsync, or null without a compiler. */
export async function buildSlowDisk(folder: string): Promise<string | null> {
  step('Compiling the slow disk (slow-disk/fsync-delay.c)')
  if (!hasCommand('cc')) {
    note('The slow disk is skipped: apt install gcc libc6-dev')
    return null
  }
  const library = join(folder, 'fsync-delay.so')
  const source = join(import.meta.dirname, 'slow-disk/fsync-delay.c')
  await run(['cc', '-O2', '-shared', '-fPIC', '-o', library, source, '-ldl'])
  return library
}
