import { type Document, documentFrame, documentHeaders } from '../http/html.ts'

export function renderDocs(_openapi: unknown): { body: Buffer; headers: string[] } {
  const document: Document = { title: 'onebox API', style: '', script: '' }
  return { body: Buffer.from(documentFrame(document).join('')), headers: documentHeaders(document) }
}
