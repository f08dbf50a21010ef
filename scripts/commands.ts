import type { Command } from './terminal/command.ts'

type Entry = readonly [help: string, load: () => Promise<{ default: Command }>]

/** Every command of `npx onebox`, with its line of help. */
export const commands: Record<string, Record<string, Entry>> = {
  'On AWS': {
    up: ['deploy this folder: create the stack or update it', () => import('./commands/up.ts')],
    preview: ['show what up would change', () => import('./commands/preview.ts')],
    destroy: ['delete everything but snapshots of the data', () => import('./commands/destroy.ts')],
    recover: ['get back the state of a lost machine', () => import('./commands/recover.ts')],
    cost: ['show the price per month', () => import('./commands/cost.ts')],
    pulumi: ['run the Pulumi CLI on the stack', () => import('./commands/pulumi.ts')],
  },
  'Look after it': {
    status: ['show what runs and whether it is healthy', () => import('./commands/status.ts')],
    logs: ['print the log of the instance', () => import('./commands/logs.ts')],
    ssh: ['open a shell on the instance', () => import('./commands/ssh.ts')],
    releases: ['list the releases to go back to', () => import('./commands/releases.ts')],
    rollback: ['go back to an earlier release', () => import('./commands/rollback.ts')],
  },
  Data: {
    backup: ['fetch and check a copy of the data', () => import('./commands/backup.ts')],
    restore: ['restore a backup', () => import('./commands/restore.ts')],
    move: ['move the data between one machine and several', () => import('./commands/move.ts')],
    backups: ['list the backups in the bucket', () => import('./commands/backups.ts')],
    snapshots: [
      'list and delete snapshots of the data volume',
      () => import('./commands/snapshots.ts'),
    ],
    db: ['query the database on the instance, read-only', () => import('./commands/db.ts')],
    'load-movies': ['add movies from a file or URL', () => import('./commands/load-movies.ts')],
  },
  'Check and measure': {
    smoke: ['check a site against its contract', () => import('./commands/smoke.ts')],
    rehearse: [
      'take a throw-away stack through its life on AWS',
      () => import('./commands/rehearse.ts'),
    ],
    load: ['load-test your own site', () => import('./commands/load.ts')],
    'bench-history': ['plot benchmarks over time', () => import('./commands/bench-history.ts')],
    pdf: ['print docs/solution.md as a PDF', () => import('./commands/pdf.ts')],
  },
}

/** The same without the groups. */
export const allCommands: Record<string, Entry> = Object.assign({}, ...Object.values(commands))
