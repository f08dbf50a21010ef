import { resolve } from 'node:path'
import ts from 'typescript'
import type { Resource } from '../support/engine.ts'

/**
 * Checks the inputs that the program sent against the types of @pulumi/aws and @pulumi/random. In the
 * program itself, tsc finds unknown names only in literals, not in spreads or function results.
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

/** Imports each type from its own file: reading all of @pulumi/aws takes minutes. */
function declare({ type, inputs }: Resource, index: number): string {
  const [provider = '', file = '', name = ''] = type.split(':')
  const path = `@pulumi/${provider}/${file.replace('index/', '')}.js`
  const { source, ...others } = inputs
  // A file is sent as a signature and its path.
  const asset = source === undefined ? '' : 'source: null as never,'
  const literal = JSON.stringify(others).slice(1)
  return `
    import type { ${name}Args as Args${index} } from '${path}'
    export const sent${index}: Args${index} = {${asset}${literal}`
}
