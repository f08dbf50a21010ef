import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
} from '@grpc/grpc-js'

export type Answers = Record<string, (request: never, response: never) => unknown>

/** Listens on a free port of this machine and returns it. */
export async function listen(server: Server): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
    error ? reject(error) : resolve(port),
  )
  return promise
}

/** Every answer fills in a response; what it throws fails the call. */
export function implement(server: Server, service: ServiceDefinition, answers: Answers) {
  const handlers = Object.entries(answers).map(([name, answer]) => [name, handle(name, answer)])
  server.addService(service, Object.fromEntries(handlers))

  function handle(name: string, answer: Answers[string]) {
    const { responseType } = service[name] as unknown as { responseType: new () => never }
    return async (call: ServerUnaryCall<never, never>, callback: sendUnaryData<never>) => {
      try {
        const response = new responseType()
        await answer(call.request, response)
        callback(null, response)
      } catch (error) {
        callback(error as Error)
      }
    }
  }
}

export { Server }
