import type { Connections } from '../http/connections.ts'
import { counter, type Family, gauge } from './metrics.ts'

export function connectionMetrics({ open, dropped }: Connections): Family[] {
  return [
    gauge('onebox_connections', 'Open client connections.', open()),
    counter(
      'onebox_connections_dropped_total',
      'Connections refused at the connection limit.',
      dropped(),
    ),
  ]
}
