import { renderStatus, statusScript } from './page.ts'

/** The page that shows /metrics and /healthz live. */
export function createStatusHandlers() {
  const page = renderStatus()
  return { page: () => page, script: () => statusScript }
}
