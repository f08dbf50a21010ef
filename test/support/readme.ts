import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

const readmeFile = resolve(import.meta.dirname, '../../README.md')

interface Session {
  /** The block as it stands on the page. */
  text: string
  commands: string[]
}

/** The console blocks of a chapter, each a session of commands and what they print. */
export function sessionsOf(chapter: string, file = readmeFile): Session[] {
  const [, rest = ''] = readFileSync(file, 'utf8').split(`\n## ${chapter}\n`)
  const [text = ''] = rest.split('\n## ')
  return [...text.matchAll(/```console\n(.*?)```/gs)].map(([, block = '']) => ({
    text: block,
    commands: block.split('\n').flatMap((line) => (line.startsWith('$ ') ? [line.slice(2)] : [])),
  }))
}

/** Runs a session in one shell against a server, and gives it as the page would show it. */
export function replay({ commands }: Session, url: string): string {
  const script = commands.map((command) => `printf '%s\\n' ${quote(`$ ${command}`)}\n${command}\n`)
  const { host } = new URL(url)
  const { stdout } = spawnSync(
    'bash',
    ['-c', script.join('echo\n').replaceAll('localhost:8080', host)],
    {
      encoding: 'utf8',
      timeout: 30_000,
    },
  )
  return `${stdout.replaceAll(host, 'localhost:8080').replaceAll('\r', '')}\n`.replaceAll(
    /\n\n+/g,
    '\n',
  )
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

/** Without what differs from day to day and machine to machine. */
export function withoutVariables(text: string): string {
  return text
    .replace(/Your birthday is in \d+ day\(s\)/g, 'Happy Birthday!')
    .replace(/"(release|startedAt)":"[^"]*"/g, '"$1":"…"')
    .replace(/"(uptimeSeconds)":\d+/g, '"$1":0')
    .replace(/"worker":"\d",/g, '')
    .replace(/,\{"release":"…","startedAt":"…","draining":false\}/g, '')
    .replace(/worker="\d",/g, '')
}
