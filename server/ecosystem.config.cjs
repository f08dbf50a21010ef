const { availableParallelism } = require('node:os')
const { join } = require('node:path')

// Through a link that is moved from release to release, where RELEASE_DIR names one: pm2 goes
// on with the path it was started with.
const releaseDir = process.env.RELEASE_DIR || __dirname

// With pm2's environment as in scripts/local/pm2.ts, these keep a worker's memory down. Requests that
// wait for DynamoDB outlive a young generation of 2 MB, and copying them costs a third of the rate.
const nodeArgs = (store) => [
  `--max-semi-space-size=${store === 'dynamodb' ? 8 : 2}`,
  '--heap-growing-percent=30',
]

module.exports = {
  nodeArgs,
  apps: [
    {
      name: 'onebox',
      script: join(releaseDir, 'server.cjs'),
      exec_mode: 'cluster',
      node_args: nodeArgs(process.env.STORE),
      instances: Number(process.env.WEB_CONCURRENCY) || availableParallelism(),
      wait_ready: true,
      // After this, pm2 ends the old workers in any case. Without CPU credits, a start takes a minute.
      listen_timeout: 180_000,
      // Longer than the longest drain: config.ts' drainTimeoutMs, drainExtraMs and two seconds.
      kill_timeout: 96_000,
      exp_backoff_restart_delay: 100,
      // The server writes its log to standard output by itself; pm2 need not keep a second one.
      out_file: '/dev/null',
      error_file: '/dev/null',
      vizion: false,
      pmx: false,
      source_map_support: false,
    },
  ],
}
