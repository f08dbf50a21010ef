// The same bytes and headers as onebox from memory; one commit per PUT, on disk before the answer.
package main

import (
	"database/sql"
	"encoding/json"
	"html"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	_ "github.com/mattn/go-sqlite3"
)

const (
	heading = "<h1>The saved string is "
	create  = "CREATE TABLE IF NOT EXISTS saved (id INTEGER PRIMARY KEY, string TEXT NOT NULL)"
	insert  = "INSERT OR IGNORE INTO saved VALUES (1, 'dynamic string')"
)

var (
	headers       = readHeaders()
	before, after = readPage()
	update        *sql.Stmt
	page          atomic.Pointer[string]
)

func main() {
	database := openDatabase()
	update = must(database.Prepare("UPDATE saved SET string = ? WHERE id = 1"))
	var saved string
	check(database.QueryRow("SELECT string FROM saved WHERE id = 1").Scan(&saved))
	setPage(saved)
	http.HandleFunc("GET /{$}", getPage)
	http.HandleFunc("PUT /{$}", putString)
	log.Fatal(http.ListenAndServe(os.Getenv("HOST")+":"+os.Getenv("PORT"), nil))
}

func getPage(response http.ResponseWriter, _ *http.Request) {
	body := *page.Load()
	header := response.Header()
	for name, value := range headers {
		header.Set(name, value)
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	io.WriteString(response, body)
}

func putString(response http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err == nil {
		_, err = update.Exec(string(body))
	}
	if err != nil {
		http.Error(response, err.Error(), http.StatusInternalServerError)
		return
	}
	setPage(string(body))
	response.WriteHeader(http.StatusNoContent)
}

func setPage(saved string) {
	rendered := before + html.EscapeString(saved) + after
	page.Store(&rendered)
}

// One connection, as waiting for it is cheaper than SQLite's busy handler.
func openDatabase() *sql.DB {
	file := filepath.Join(os.Getenv("DATA_DIR"), "peer.db")
	database := must(sql.Open("sqlite3", "file:"+file+"?_journal_mode=WAL&_synchronous=FULL"))
	database.SetMaxOpenConns(1)
	must(database.Exec(create))
	must(database.Exec(insert))
	return database
}

func readHeaders() (headers map[string]string) {
	check(json.Unmarshal(must(os.ReadFile(os.Getenv("PAGE_HEADERS_FILE"))), &headers))
	return headers
}

func readPage() (before, after string) {
	page := string(must(os.ReadFile(os.Getenv("PAGE_FILE"))))
	start := strings.Index(page, heading) + len(heading)
	end := start + strings.Index(page[start:], "</h1>")
	return page[:start], page[end:]
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
