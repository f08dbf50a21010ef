import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { LogRequest } from '@pulumi/pulumi/proto/engine_pb.js'
import type {
  RegisterResourceOutputsRequest,
  RegisterResourceRequest,
  RegisterResourceResponse,
  ResourceInvokeRequest,
  ResourceInvokeResponse,
  SupportsFeatureRequest,
  SupportsFeatureResponse,
} from '@pulumi/pulumi/proto/resource_pb.js'
import { implement, listen, Server } from './grpc.ts'
import { type Properties, plain, Struct, secretsOf } from './properties.ts'

interface Program {
  /** The folder of Pulumi.yaml and index.ts. */
  dir: string
  project?: string
  stack?: string
  /** By full name, such as `onebox:timeZone`. */
  config?: Record<string, string>
  /** The names in `config` that are stored as secrets. */
  secrets?: string[]
  /** As `pulumi preview` of a new stack: what AWS would tell is not known. */
  preview?: boolean
  /** What the cloud makes of a resource: its outputs besides its inputs, and its `id`. */
  create: (resource: Resource) => Properties
  /** What the cloud answers to a question such as `aws:ec2/getInstanceType:getInstanceType`. */
  invoke: (question: string, inputs: Properties) => Properties
}

export interface Resource {
  /** Such as `aws:ec2/instance:Instance`. */
  type: string
  name: string
  urn: string
  /** Secrets as plain values; `unknown` where only the cloud can tell. */
  inputs: Properties
  /** The inputs that are or hold secrets, by name. */
  secrets: string[]
  options: {
    parent: string
    dependsOn: string[]
    protect: boolean
    ignoreChanges: string[]
    replaceOnChanges: string[]
    deleteBeforeReplace: boolean
    retainOnDelete: boolean
    /** Such as `60m`; empty is the provider's. */
    deleteTimeout: string
    provider: string
  }
}

export interface Run {
  resources: Resource[]
  outputs: Properties
  /** The outputs that are or hold secrets, by name. */
  secretOutputs: string[]
  /** What the program says through Pulumi, such as `error: …`, and to its own output. */
  log: string
  exitCode: number
}

/** Stands in a preview for what only the cloud can tell. */
export const unknown = '04da6b54-80e4-46f7-96ec-b56ff0331ba9'

const timeoutMs = 300_000

// Its own modules, which come without types.
const load = createRequire(createRequire(import.meta.url).resolve('@pulumi/pulumi'))
const { ResourceMonitorService } = load('./proto/resource_grpc_pb.js')
const { EngineService } = load('./proto/engine_grpc_pb.js')

/**
 * Runs a Pulumi program just as the Pulumi CLI does, as a process of its own, but against an engine
 * and a cloud that only write down what the program wants.
 */
export async function runProgram(program: Program): Promise<Run> {
  const run: Run = { resources: [], outputs: {}, secretOutputs: [], log: '', exitCode: 0 }
  const server = new Server()
  implement(server, ResourceMonitorService, createMonitor(program, run))
  implement(server, EngineService, createEngine(run))
  const port = await listen(server)
  try {
    const { output, exitCode } = await execute(program, `127.0.0.1:${port}`)
    return { ...run, log: run.log + output, exitCode }
  } finally {
    server.forceShutdown()
  }
}

async function execute(
  { dir, project = 'onebox', stack = 'dev', ...program }: Program,
  address: string,
) {
  const options = { monitor: address, engine: address, project, stack, pwd: dir, parallel: '16' }
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
  if (program.preview) flags.push('--dry-run')
  const child = spawn(process.execPath, [load.resolve('./cmd/run'), ...flags, 'index.ts'], {
    cwd: dir,
    env: {
      ...process.env,
      // Compiling @pulumi/aws anew is a good part of the time that a run takes.
      NODE_COMPILE_CACHE: join(tmpdir(), 'onebox-compile-cache'),
      PULUMI_NODEJS_TYPESCRIPT: 'false',
      PULUMI_CONFIG: JSON.stringify(program.config ?? {}),
      PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(program.secrets ?? []),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
  })
  const [out, err, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ])
  return { output: out + err, exitCode: (code as number | null) ?? -1 }
}

function createMonitor(program: Program, run: Run) {
  const { project = 'onebox', stack = 'dev' } = program

  return {
    supportsFeature(request: SupportsFeatureRequest, response: SupportsFeatureResponse) {
      response.setHassupport(request.getId() === 'secrets')
    },

    invoke(request: ResourceInvokeRequest, response: ResourceInvokeResponse) {
      const inputs = request.getArgs()?.toJavaScript() ?? {}
      const answer = program.invoke(request.getTok(), plain(inputs) as Properties)
      response.setReturn(Struct.fromJavaScript(answer))
    },

    registerResource(request: RegisterResourceRequest, response: RegisterResourceResponse) {
      const raw = (request.getObject()?.toJavaScript() ?? {}) as Properties
      const resource = describe(request, raw)
      const isStack = resource.type === 'pulumi:pulumi:Stack'
      if (!isStack) run.resources.push(resource)
      const created = isStack || program.preview ? { id: '' } : program.create(resource)
      const { id = resource.name, ...outputs } = created
      response.setUrn(resource.urn).setId(id)
      response.setObject(Struct.fromJavaScript({ ...raw, ...outputs }))
    },

    registerResourceOutputs(request: RegisterResourceOutputsRequest) {
      const raw = (request.getOutputs()?.toJavaScript() ?? {}) as Properties
      run.outputs = plain(raw) as Properties
      run.secretOutputs = secretsOf(raw)
    },

    signalAndWaitForShutdown() {},
  }

  function describe(request: RegisterResourceRequest, raw: Properties): Resource {
    const type = request.getType()
    const name = request.getName()
    return {
      type,
      name,
      urn: `urn:pulumi:${stack}::${project}::${type}::${name}`,
      inputs: plain(raw) as Properties,
      secrets: secretsOf(raw),
      options: {
        parent: request.getParent(),
        dependsOn: request.getDependenciesList().sort(),
        protect: request.getProtect() ?? false,
        ignoreChanges: request.getIgnorechangesList(),
        replaceOnChanges: request.getReplaceonchangesList(),
        deleteBeforeReplace: request.getDeletebeforereplace(),
        retainOnDelete: request.getRetainondelete() ?? false,
        deleteTimeout: request.getCustomtimeouts()?.getDelete() ?? '',
        provider: request.getProvider(),
      },
    }
  }
}

const severities = ['debug', 'info', 'warning', 'error']

function createEngine(run: Run) {
  return {
    log(request: LogRequest) {
      const severity = severities[request.getSeverity()]
      if (severity !== 'debug') run.log += `${severity}: ${request.getMessage()}\n`
    },

    setRootResource() {},
  }
}
