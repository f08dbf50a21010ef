import { resolve } from 'node:path'
import ts from 'typescript'
import type { Resource } from '../support/engine.ts'

/**
 * What the types of @pulumi/aws and @pulumi/random say of inputs as the program sent them. tsc looks
 * for unknown names in literals alone; what comes by a spread or a function it would let through.
 */
export function typeErrors(resources: Resource[]): string[] {
  const file = resolve(import.meta.dirname, 'sent-inputs.ts')
  const text = resources.map(declare).join('\n')
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ESNext,
    types: [],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
  }
  const host = ts.createCompilerHost(options)
  const { getSourceFile, fileExists } = host
  host.fileExists = (name) => name === file || fileExists(name)
  host.getSourceFile = (name, version) =>
    name === file ? ts.createSourceFile(name, text, version) : getSourceFile(name, version)
  const program = ts.createProgram([file], options, host)
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '))
}

/** `aws:ec2/instance:Instance` is in its own file: all of @pulumi/aws would take minutes to read. */
function declare({ type, inputs }: Resource, index: number): string {
  const [provider = '', file = '', name = ''] = type.split(':')
  const path = `@pulumi/${provider}/${file.replace('index/', '')}.js`
  const { source, ...others } = inputs
  // A file is sent as a mark and its path.
  const asset = source === undefined ? '' : 'source: null as never,'
  const literal = JSON.stringify(others).slice(1)
  return `
    import type { ${name}Args as Args${index} } from '${path}'
    export const sent${index}: Args${index} = {${asset}${literal}`
}
