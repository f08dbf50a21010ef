import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'

const version = '3.274.1'
const source = 'github.com/pulumi/pulumi'
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'onebox/pulumi')
const stepLimitMs = 1_200_000
const draft = join(cache, `${version}.${process.pid}`)
const kept = join(cache, version, 'pulumi')

/** The real Pulumi CLI: the one in PATH, or one that was built here; undefined without either. */
export function findPulumi(): string | undefined {
  return find('pulumi') ?? (existsSync(kept) ? kept : undefined)
}

/** A reason to skip a test without a Pulumi CLI. */
export function needsPulumi(): string | false {
  return findPulumi() === undefined && 'needs the Pulumi CLI, or Go, with which npm test builds it'
}

if (import.meta.main) preparePulumi()

/** Builds the CLI if there is none, but Go; it is kept for later runs. Without it, tests are skipped. */
export function preparePulumi() {
  if (findPulumi() !== undefined || find('go') === undefined) return
  console.log(`Building the Pulumi CLI ${version}, which takes minutes, in ${cache}`)
  const folder = mkdtempSync(join(tmpdir(), 'onebox-pulumi-'))
  try {
    build(folder)
  } catch (error) {
    const reason = (error as Error).message.trim().split('\n').at(-1)
    console.log(`Not built, so tests that need it are skipped: ${reason}`)
  } finally {
    for (const each of [folder, draft]) rmSync(each, { recursive: true, force: true })
  }
}

/** `go install` refuses modules that replace others. */
function build(folder: string) {
  const go = (...args: string[]) => {
    execFileSync('go', args, { cwd: folder, timeout: stepLimitMs, stdio: 'pipe' })
  }
  // The CLI refuses stacks and SDKs by its version.
  const flags = `-s -w -X ${source}/sdk/v3/go/common/version.Version=v${version}`
  go('mod', 'init', 'pulumi-cli')
  go('get', `${source}/pkg/v3/cmd/pulumi@v${version}`)
  mkdirSync(draft, { recursive: true })
  go('build', '-trimpath', '-ldflags', flags, '-o', draft, `${source}/pkg/v3/cmd/pulumi`)
  renameSync(draft, join(cache, version))
}

function find(tool: string): string | undefined {
  const files = process.env.PATH?.split(':').map((folder) => join(folder, tool))
  return files?.find(existsSync)
}
