import Database from 'better-sqlite3'
import { createStore, storeFile } from './store.mjs'

export function openStore() {
  return createStore(new Database(storeFile))
}
