#!/usr/bin/env bash
# Three of four readers of Link headers lose the next page, or take another, in valid headers.
#
# Guess: readers of Link headers differ only on malformed ones.
# Seen: Python's requests cuts a URL at its semicolon, so a client asks for another page, and takes
# rel="next last" for one name, so links['next'] is missing. The npm packages parse-link-header and li
# see no link if the parameter is written REL or has a space before its "=", both of which the RFC
# allows: a loop over pages ends early, without an error. http-link-header reads all five headers.
# Version: requests 2.34.2, parse-link-header 2.0.0, li 1.3.0, http-link-header 1.1.4.
# Source: found by trying; https://www.rfc-editor.org/rfc/rfc8288#section-3 (BWS around "=", several
# relation types, names regardless of case).
# Needs: node (20 or later), npm, python3 with venv.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-save --ignore-scripts parse-link-header@2.0.0 li@1.3.0 http-link-header@1.1.4
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check requests==2.34.2

cat >headers.json <<'JSON'
[
  "</movies?year=1931>; rel=\"next\"",
  "</movies?year=1931;limit=2>; rel=\"next\"",
  "</movies?year=1931>; rel=\"next last\"",
  "</movies?year=1931>; REL=\"next\"",
  "</movies?year=1931>; rel = \"next\""
]
JSON
cat >read.mjs <<'JS'
import { readFileSync } from 'node:fs'
import httpLinkHeader from 'http-link-header'
import li from 'li'
import parseLinkHeader from 'parse-link-header'

const headers = JSON.parse(readFileSync('headers.json', 'utf8'))
const readers = {
  'http-link-header': (header) => httpLinkHeader.parse(header).rel('next')[0]?.uri,
  'parse-link-header': (header) => parseLinkHeader(header)?.next?.url,
  li: (header) => li.parse(header).next,
}
for (const [name, next] of Object.entries(readers)) {
  console.log(`${name}: ${headers.map((header) => next(header) ?? 'none').join(' ')}`)
}
JS
cat >read.py <<'PY'
import json

import requests


def next_page(header):
    response = requests.Response()
    response.headers["link"] = header
    return response.links.get("next", {}).get("url", "none")


with open("headers.json") as file:
    print("requests:", *map(next_page, json.load(file)))
PY

sed -n 's/\\"/"/g; s/^  "\(.*>; .*"\)".*/\1/p' headers.json
seen=$(node read.mjs; venv/bin/python read.py)
echo "$seen"
year='/movies?year=1931' limit='/movies?year=1931;limit=2'
wanted="http-link-header: $year $limit $year $year $year
parse-link-header: $year $limit $year none none
li: $year $limit $year none none
requests: $year $year none none $year"
[ "$seen" = "$wanted" ] || { printf 'Changed: expected\n%s\n' "$wanted" >&2; exit 1; }
echo 'As described: three of four readers miss the next page or ask for another.'
