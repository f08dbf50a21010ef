import { join } from 'node:path'
import Database from 'better-sqlite3'

// The store of every Node peer: one commit per request, on disk before the answer.
export function openStore() {
  const database = new Database(join(process.env.DATA_DIR, 'peer.db'))
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL')
  database.exec('CREATE TABLE IF NOT EXISTS saved (id INTEGER PRIMARY KEY, string TEXT NOT NULL)')
  database.prepare('INSERT OR IGNORE INTO saved VALUES (1, ?)').run('dynamic string')
  const select = database.prepare('SELECT string FROM saved WHERE id = 1').pluck()
  const update = database.prepare('UPDATE saved SET string = ? WHERE id = 1')
  return { read: () => select.get(), save: (string) => update.run(string) }
}
