"""What both Python peers keep their string in: one commit a request, on disk before the answer."""

import os
import sqlite3
import threading

local = threading.local()
writing = threading.Lock()


def connection():
    """Each thread's own connection, so that reads do not wait for a write."""
    if not hasattr(local, "connection"):
        file = os.path.join(os.environ["DATA_DIR"], "peer.db")
        local.connection = sqlite3.connect(file, isolation_level=None)
        local.connection.execute("PRAGMA journal_mode = WAL")
        local.connection.execute("PRAGMA synchronous = FULL")
    return local.connection


def read():
    return connection().execute("SELECT string FROM saved WHERE id = 1").fetchone()[0]


def save(string):
    # Waiting here is much cheaper than in SQLite's busy handler, which sleeps and tries again.
    with writing:
        connection().execute("UPDATE saved SET string = ? WHERE id = 1", (string,))


connection().execute("CREATE TABLE IF NOT EXISTS saved (id INTEGER PRIMARY KEY, string TEXT)")
connection().execute("INSERT OR IGNORE INTO saved VALUES (1, 'dynamic string')")
