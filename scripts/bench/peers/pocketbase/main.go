// PocketBase with its defaults: it reads the string from its database for each GET and saves a record
// for each PUT, which it does not sync to disk.
package main

import (
	"encoding/json"
	"html"
	"io"
	"log"
	"net/http"
	"os"
	"strings"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"
)

const heading = "<h1>The saved string is "

var (
	headers       = readHeaders()
	before, after = readPage()
)

func main() {
	app := pocketbase.NewWithConfig(pocketbase.Config{
		DefaultDataDir:  os.Getenv("DATA_DIR"),
		HideStartBanner: true,
	})
	app.OnServe().BindFunc(func(serve *core.ServeEvent) error {
		id, err := createRecord(app)
		if err != nil {
			return err
		}
		serve.InstallerFunc = nil
		serve.Router.GET("/{$}", func(event *core.RequestEvent) error { return getPage(event, id) })
		serve.Router.PUT("/{$}", func(event *core.RequestEvent) error { return putString(event, id) })
		return serve.Next()
	})
	check(app.Start())
}

func createRecord(app core.App) (string, error) {
	collection := core.NewBaseCollection("saved")
	collection.Fields.Add(&core.TextField{Name: "string"})
	if err := app.Save(collection); err != nil {
		return "", err
	}
	record := core.NewRecord(collection)
	record.Set("string", "dynamic string")
	return record.Id, app.Save(record)
}

func getPage(event *core.RequestEvent, id string) error {
	record, err := event.App.FindRecordById("saved", id)
	if err != nil {
		return err
	}
	for name, value := range headers {
		event.Response.Header().Set(name, value)
	}
	return event.HTML(http.StatusOK, before+html.EscapeString(record.GetString("string"))+after)
}

func putString(event *core.RequestEvent, id string) error {
	body, err := io.ReadAll(event.Request.Body)
	if err != nil {
		return err
	}
	record, err := event.App.FindRecordById("saved", id)
	if err != nil {
		return err
	}
	record.Set("string", string(body))
	if err := event.App.Save(record); err != nil {
		return err
	}
	return event.NoContent(http.StatusNoContent)
}

func readHeaders() (headers map[string]string) {
	text, err := os.ReadFile(os.Getenv("PAGE_HEADERS_FILE"))
	check(err)
	check(json.Unmarshal(text, &headers))
	return headers
}

func readPage() (before, after string) {
	text, err := os.ReadFile(os.Getenv("PAGE_FILE"))
	check(err)
	page := string(text)
	start := strings.Index(page, heading) + len(heading)
	end := start + strings.Index(page[start:], "</h1>")
	return page[:start], page[end:]
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
