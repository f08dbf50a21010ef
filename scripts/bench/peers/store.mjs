import { join } from 'node:path'

export const storeFile = join(process.env.DATA_DIR, 'peer.db')

// The store of every JavaScript peer: one commit per request, on disk before the answer.
export function createStore(database) {
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  database.exec('CREATE TABLE IF NOT EXISTS saved (id INTEGER PRIMARY KEY, string TEXT NOT NULL)')
  database.prepare('INSERT OR IGNORE INTO saved VALUES (1, ?)').run('dynamic string')
  const select = database.prepare('SELECT string FROM saved WHERE id = 1')
  const update = database.prepare('UPDATE saved SET string = ? WHERE id = 1')
  return { read: () => select.get().string, save: (string) => update.run(string) }
}
