import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { TestContext } from 'node:test'
import { eventually } from './eventually.ts'
import { freePort, spawnFor } from './release.ts'
import { makeDataDir } from './server.ts'
import { needs } from './tools.ts'

const docs = readFileSync(resolve(import.meta.dirname, '../../docs/behind-a-proxy.md'), 'utf8')

interface Proxy {
  command: string
  /** Of the server behind it. */
  keepAliveSeconds: number
  /** Of its configuration file. */
  args: (file: string, dir: string) => string[]
  /** What a configuration needs around the lines in the docs to run as anyone, anywhere. */
  frame: (lines: string, dir: string) => string
}

export const proxies: Record<string, Proxy> = {
  nginx: {
    command: 'nginx',
    keepAliveSeconds: 5,
    args: (file, dir) => ['-p', dir, '-e', 'stderr', '-c', file],
    frame: (lines, dir) => `daemon off; pid ${dir}/pid; error_log stderr warn;
      events { worker_connections 4096; }
      http {
        access_log off;
        ${nginxFolders.map((name) => `${name}_temp_path ${dir}/${name};`).join('\n')}
        ${lines}
      }`,
  },
  caddy: {
    command: 'caddy',
    keepAliveSeconds: 5,
    args: (file) => ['run', '--config', file, '--adapter', 'caddyfile'],
    frame: (lines) => `{\n  admin off\n  auto_https off\n}\n${lines}`,
  },
  apache: {
    command: 'apache2',
    keepAliveSeconds: 5,
    args: (file, dir) => ['-d', dir, '-f', file, '-DFOREGROUND'],
    frame: (lines, dir) => `ServerName onebox
      PidFile ${dir}/pid
      ErrorLog ${dir}/error.log
      DefaultRuntimeDir ${dir}
      KeepAliveTimeout 60
      ThreadLimit 256
      ThreadsPerChild 256
      MaxRequestWorkers 256
      ${apacheModules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
      Listen 127.0.0.1:${/\*:(\d+)/.exec(lines)?.[1]}
      ${lines}\n`,
  },
  haproxy: {
    command: 'haproxy',
    keepAliveSeconds: 15,
    args: (file) => ['-db', '-f', file],
    frame: (lines) => `defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
${lines}`,
  },
}

const nginxFolders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
const apacheModules = ['mpm_event', 'authz_core', 'proxy', 'proxy_http', 'headers']

/** Why a proxy cannot be run here, if so. */
export function missing(name: string): string | false {
  return needs((proxies[name] as Proxy).command)
}

/** Runs a proxy as the docs configure it, in front of a site; gives its URL. */
export async function startProxy(t: TestContext, name: string, site: string): Promise<string> {
  const { command, args, frame } = proxies[name] as Proxy
  const dir = makeDataDir()
  const port = await freePort()
  const lines = linesOf(name)
    .replaceAll('127.0.0.1:8080', new URL(site).host)
    .replace(
      /(listen |^|\*|bind ):?80\b/m,
      (all, before) => `${before}${all.includes(':') ? ':' : ''}${port}`,
    )
  const file = join(dir, 'proxy.conf')
  writeFileSync(file, frame(lines, dir))
  const env = { PATH: `${process.env.PATH}:/usr/sbin`, HOME: dir }
  const child = spawnFor(t, args(file, dir), { command, env })
  const url = `http://127.0.0.1:${port}`
  await eventually(async () => {
    if (child.exitCode !== null) throw new Error(`${name} ended: ${child.output()}`)
    return fetch(`${url}/echo`).then(
      ({ ok }) => ok,
      () => false,
    )
  })
  return url
}

/** The block of a proxy's configuration. */
function linesOf(name: string): string {
  return new RegExp(`\`\`\`${name}\n(.*?)\`\`\``, 's').exec(docs)?.[1] as string
}
