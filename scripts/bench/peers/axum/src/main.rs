// The same bytes and headers as onebox from memory; one commit per PUT, on disk before the answer.
// SQLite is called on the event loop, as in the Node peers: on one core, a thread pool costs more.
use std::collections::HashMap;
use std::env::var;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::Router;
use rusqlite::Connection;
use tokio::net::TcpListener;

const HEADING: &str = "<h1>The saved string is ";
const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS saved (id INTEGER PRIMARY KEY, string TEXT NOT NULL);
    INSERT OR IGNORE INTO saved VALUES (1, 'dynamic string');";
const SELECT: &str = "SELECT string FROM saved WHERE id = 1";
const UPDATE: &str = "UPDATE saved SET string = ? WHERE id = 1";

type Failure = Box<dyn std::error::Error>;

struct Peer {
    headers: HeaderMap,
    before: String,
    after: String,
    saved: Mutex<Saved>,
}

struct Saved {
    database: Connection,
    page: Bytes,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let peer = Arc::new(open_peer()?);
    let app = Router::new().route("/", get(get_page).put(put_string)).with_state(peer);
    let listener = TcpListener::bind(format!("{}:{}", var("HOST")?, var("PORT")?)).await?;
    Ok(axum::serve(listener, app).await?)
}

async fn get_page(State(peer): State<Arc<Peer>>) -> (HeaderMap, Bytes) {
    (peer.headers.clone(), peer.saved.lock().unwrap().page.clone())
}

async fn put_string(State(peer): State<Arc<Peer>>, string: String) -> Result<StatusCode, StatusCode> {
    let mut saved = peer.saved.lock().unwrap();
    save(&saved.database, &string).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    saved.page = render(&peer.before, &string, &peer.after);
    Ok(StatusCode::NO_CONTENT)
}

fn save(database: &Connection, string: &str) -> rusqlite::Result<usize> {
    database.prepare_cached(UPDATE)?.execute([string])
}

fn open_peer() -> Result<Peer, Failure> {
    let (before, after) = read_page()?;
    let database = Connection::open(Path::new(&var("DATA_DIR")?).join("peer.db"))?;
    database.execute_batch(SCHEMA)?;
    let string: String = database.query_row(SELECT, [], |row| row.get(0))?;
    let page = render(&before, &string, &after);
    let saved = Mutex::new(Saved { database, page });
    Ok(Peer { headers: read_headers()?, before, after, saved })
}

fn read_headers() -> Result<HeaderMap, Failure> {
    let text = fs::read_to_string(var("PAGE_HEADERS_FILE")?)?;
    let headers: HashMap<String, String> = serde_json::from_str(&text)?;
    Ok(HeaderMap::try_from(&headers)?)
}

fn read_page() -> Result<(String, String), Failure> {
    let page = fs::read_to_string(var("PAGE_FILE")?)?;
    let (before, rest) = page.split_once(HEADING).ok_or("the page has no heading")?;
    let end = rest.find("</h1>").ok_or("the heading has no end")?;
    Ok((format!("{before}{HEADING}"), rest[end..].to_owned()))
}

fn render(before: &str, string: &str, after: &str) -> Bytes {
    let mut page = before.to_owned();
    for character in string.chars() {
        match character {
            '&' => page += "&amp;",
            '<' => page += "&lt;",
            '>' => page += "&gt;",
            '"' => page += "&quot;",
            '\'' => page += "&#39;",
            _ => page.push(character),
        }
    }
    (page + after).into()
}
