import { spawnSync } from 'node:child_process'

/** Options of unshare for a child that may mount what it likes, without being root. */
export const namespace = ['--map-root-user', '--mount']

const trial = [...namespace, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']

/** A reason to skip a test where that does not work. */
export const cannotMount =
  spawnSync('unshare', trial).status !== 0 && 'needs Linux with user namespaces'
