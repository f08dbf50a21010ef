import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import type {
  LanguageHandshakeRequest,
  RunRequest,
  RunResponse,
} from '@pulumi/pulumi/proto/language_pb.js'
import type { PluginInfo } from '@pulumi/pulumi/proto/plugin_pb.js'

const load = createRequire(createRequire(import.meta.url).resolve('@pulumi/pulumi'))

// What a program exits with after an error that it has reported itself.
const bailCode = 32

/** Stands in for pulumi-language-nodejs, which no registry has: runs programs in `env`. */
export function createLanguageHost(env: Record<string, string>) {
  let engine = ''
  let child: ChildProcess | undefined
  return {
    handshake(request: LanguageHandshakeRequest) {
      engine = request.getEngineAddress()
    },

    /** None, as providers are running already. */
    getRequiredPackages() {},

    getPluginInfo(_: unknown, response: PluginInfo) {
      response.setVersion('1.0.0')
    },

    async run(request: RunRequest, response: RunResponse) {
      child = spawn(process.execPath, argumentsFor(request, engine), {
        env: { ...env, ...settingsFor(request) },
        stdio: 'ignore',
      })
      const [code] = await once(child, 'exit')
      if (code === bailCode) response.setBail(true)
      else if (code !== 0) response.setError(`Program exited with code ${code}`)
    },

    cancel() {
      child?.kill('SIGINT')
    },
  }
}

function argumentsFor(request: RunRequest, engine: string): string[] {
  const flags = {
    monitor: request.getMonitorAddress(),
    engine,
    organization: request.getOrganization(),
    project: request.getProject(),
    stack: request.getStack(),
    pwd: request.getInfo()?.getProgramDirectory() ?? '',
    parallel: String(request.getParallel()),
  }
  const pairs = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value])
  const mode = request.getDryrun() ? ['--dry-run'] : []
  return [load.resolve('./cmd/run'), ...pairs, ...mode, request.getInfo()?.getEntryPoint() ?? '.']
}

function settingsFor(request: RunRequest): Record<string, string> {
  return {
    PULUMI_NODEJS_TYPESCRIPT: 'false',
    PULUMI_CONFIG: JSON.stringify(Object.fromEntries(request.getConfigMap().getEntryList())),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
  }
}
