#!/usr/bin/env bash
# A movie's title changes on its way through an NDJSON reader, without an error.
#
# Guess: a line of NDJSON ends at \n, so JSON.stringify(movie) + '\n' is safe for every reader.
# Seen: JSON may hold U+2028 and U+0085 unescaped, JSON.stringify leaves them so, and Python's
# str.splitlines() ends a line at either. The package ndjson joins its "lines" with commas into one
# array, so "Rise\u2028and Fall" becomes "Rise,and Fall"; iter_lines() of httpx yields halves that are
# not JSON. jsonlines and polars split at \n only and read the title as it is.
# Version: ndjson 0.3.1, httpx 0.28.1, jsonlines 4.0.0, polars 2.1.0.
# Source: found by trying; https://docs.python.org/3/library/stdtypes.html#str.splitlines and
# https://github.com/ndjson/ndjson-spec
# Needs: python3 (3.11 or later) with venv.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
  ndjson==0.3.1 httpx==0.28.1 jsonlines==4.0.0 polars==2.1.0

cat >read.py <<'PY'
import io
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import jsonlines
import ndjson
import polars

text = '{"year":1931,"title":"M"}\n{"year":1968,"title":"Rise\u2028and Fall"}\n'


class Movies(BaseHTTPRequestHandler):
    def do_GET(self):
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def with_httpx():
    with httpx.stream("GET", url, trust_env=False) as response:
        return [json.loads(line) for line in response.iter_lines()]


server = HTTPServer(("127.0.0.1", 0), Movies)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"
readers = {
    "ndjson": lambda: ndjson.loads(text),
    "httpx": with_httpx,
    "jsonlines": lambda: list(jsonlines.Reader(io.StringIO(text))),
    "polars": lambda: polars.read_ndjson(io.BytesIO(text.encode())).to_dicts(),
}
for name, read in readers.items():
    try:
        print(f"{name}: {ascii(read()[1]['title'])}")
    except json.JSONDecodeError as error:
        print(f"{name}: JSONDecodeError: {error.msg}")
PY

seen=$(venv/bin/python read.py)
echo "$seen"
wanted="ndjson: 'Rise,and Fall'
httpx: JSONDecodeError: Unterminated string starting at
jsonlines: 'Rise\\u2028and Fall'
polars: 'Rise\\u2028and Fall'"
[ "$seen" = "$wanted" ] || { printf 'Changed: expected\n%s\n' "$wanted" >&2; exit 1; }
echo 'As described: one reader changes the title, one refuses the line, two read it.'
