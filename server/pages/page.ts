import { hash } from 'node:crypto'
import type { Html } from '../http/html.ts'
import type { Reply } from '../http/reply.ts'
import { createFrame, type Page } from './frame.ts'

/**
 * Makes the function that renders the pages of a service: content in, reply out. A page may have a
 * title of its own.
 */
export function createPage(page: Page, caching: 'no-cache' | 'no-store' = 'no-cache') {
  const { before, beforeWith, after, headers } = createFrame(page, caching)

  return function render(content: Html, title?: string): Reply {
    const start = title === undefined ? before : beforeWith(title)
    const body = `${start}<main>\n${content.markup}</main>\n${after}`
    return { status: 200, headers, body, etag: hash('sha256', body, 'hex').slice(0, 16) }
  }
}
