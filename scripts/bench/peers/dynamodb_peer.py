"""Flask with boto3: a consistent read for each GET, a put for each PUT."""

import os

import boto3
from flask import Flask, request
from page import render_page

app = Flask(__name__)
endpoint = os.environ["AWS_ENDPOINT_URL_DYNAMODB"]
table = boto3.resource("dynamodb", endpoint_url=endpoint).Table(os.environ["PEER_TABLE"])
key = {"id": "saved"}


@app.get("/")
def get_page():
    item = table.get_item(Key=key, ConsistentRead=True).get("Item", {})
    return render_page(item.get("string", "dynamic string"))


@app.put("/")
def put_string():
    table.put_item(Item={**key, "string": request.get_data(as_text=True)})
    return "", 204
