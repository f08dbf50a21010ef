import { createRequire } from 'node:module'
import type { ServiceDefinition } from '@grpc/grpc-js'
import { type Answers, implement, listen, Server } from '../grpc.ts'
import type { Lifetime } from '../lifetime.ts'
import { createLanguageHost } from './language-host.ts'
import { type Cloud, createProvider } from './provider.ts'

const load = createRequire(createRequire(import.meta.url).resolve('@pulumi/pulumi'))
const { LanguageRuntimeService } = load('./proto/language_grpc_pb.js')
const { ResourceProviderService } = load('./proto/provider_grpc_pb.js')

/**
 * Starts, in this process, what the Pulumi CLI has besides itself: the providers, in front of a
 * simulated cloud, and the language host, which runs the program in `env`. Returns the variables by
 * which the CLI finds them.
 */
export async function startPlugins(t: Lifetime, cloud: Cloud, env: Record<string, string>) {
  const host = await serve(t, LanguageRuntimeService, createLanguageHost(env))
  const aws = await serve(t, ResourceProviderService, createProvider('aws', cloud))
  const random = await serve(t, ResourceProviderService, createProvider('random', cloud))
  return {
    PULUMI_DEBUG_LANGUAGES: `nodejs:${host}`,
    PULUMI_DEBUG_PROVIDERS: `aws:${aws},random:${random}`,
  }
}

async function serve(t: Lifetime, service: ServiceDefinition, answers: Answers) {
  // An archive is sent whole.
  const server = new Server({ 'grpc.max_receive_message_length': -1 })
  implement(server, service, answers)
  const port = await listen(server)
  t.after(() => server.forceShutdown())
  return port
}
