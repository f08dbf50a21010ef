import store
from flask import Flask, request
from page import render_page

app = Flask(__name__)


@app.get("/")
def get_page():
    return render_page(store.read())


@app.put("/")
def put_string():
    store.save(request.get_data(as_text=True))
    return "", 204
