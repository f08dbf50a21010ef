import os
import sqlite3

import store
from flask import Flask, render_template, request
from page import page_headers, render_page

app = Flask(__name__)

# The table of onebox, if it lies in the same folder.
movies_file = os.path.join(os.environ["DATA_DIR"], "onebox.db")
first_movies = (
    "SELECT year, title, json_extract(info, '$.rating') AS rating FROM movies"
    " ORDER BY year, title LIMIT 100"
)


@app.get("/")
def get_page():
    return render_page(store.read()), page_headers


@app.put("/")
def put_string():
    store.save(request.get_data(as_text=True))
    return "", 204


@app.get("/movies")
def get_movies():
    return render_template("movies.html", movies=movies_connection().execute(first_movies).fetchall())


def movies_connection():
    if not hasattr(store.local, "movies"):
        store.local.movies = sqlite3.connect(f"file:{movies_file}?mode=ro", uri=True)
    return store.local.movies
