// node proxied.mjs nginx|caddy: Fastify behind a proxy that speaks HTTPS, with one worker, its default
// ciphers, and connections to Fastify that are kept open.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const { PORT, TLS_PORT, TLS_FILE, DATA_DIR } = process.env
const folder = mkdtempSync(join(DATA_DIR, 'proxy-'))
const configFile = join(folder, 'config')

const nginxConfig = `
  daemon off; worker_processes 1; pid ${folder}/pid; error_log stderr;
  events { worker_connections 4096; }
  http {
    access_log off; keepalive_requests 1000000000;
    client_body_temp_path ${folder}/bodies; proxy_temp_path ${folder}/proxy;
    fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
    upstream fastify { server 127.0.0.1:${PORT}; keepalive 64; }
    server {
      listen 127.0.0.1:${TLS_PORT} ssl;
      ssl_certificate ${TLS_FILE}; ssl_certificate_key ${TLS_FILE};
      ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:tls:10m;
      location / {
        proxy_pass http://fastify; proxy_http_version 1.1; proxy_set_header Connection "";
      }
    }
  }`

const caddyConfig = `
  {
    admin off
    auto_https off
    default_sni 127.0.0.1
  }
  https://127.0.0.1:${TLS_PORT} {
    tls ${TLS_FILE} ${TLS_FILE}
    reverse_proxy 127.0.0.1:${PORT}
  }`

const proxies = {
  nginx: { config: nginxConfig, command: ['nginx', '-p', folder, '-c', configFile] },
  caddy: {
    config: caddyConfig,
    command: ['caddy', 'run', '--adapter', 'caddyfile', '--config', configFile],
  },
}

const { config, command } = proxies[process.argv[2]]
writeFileSync(configFile, config)
const env = { ...process.env, GOMAXPROCS: '1', HOME: folder, XDG_DATA_HOME: folder }
const proxy = spawn('setpriv', ['--pdeathsig', 'TERM', ...command], { env, stdio: 'inherit' })
proxy.on('exit', (code) => process.exit(code ?? 1))
process.on('SIGTERM', () => proxy.kill())
while (!(await accepts())) await delay(50)
// The benchmark begins when Fastify answers, over HTTP alone.
delete process.env.TLS_FILE
await import('./fastify.mjs')

async function accepts() {
  const socket = connect(Number(TLS_PORT), '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
