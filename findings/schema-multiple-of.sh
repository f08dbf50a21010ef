#!/usr/bin/env bash
# "multipleOf": 0.1 refuses 33 of the 101 ratings from 0.0 to 10.0, or none.
#
# Guess: "multipleOf": 0.1 is how a schema says "one decimal"; whether 8.1 passes does not depend on
# who checks.
# Seen: ajv and Python's jsonschema divide in binary floating point and refuse the same 33 ratings
# (8.1, 8.2, 8.6 and 8.7, but not 8.3, 8.4 and 8.5). Three others for JavaScript and Python take all
# of them. All five refuse 8.35, as they should. JSON's numbers are decimal and the specification asks
# whether the division gives an integer, so a rating of 8.1 is valid.
# Version: ajv 8.20.0, @cfworker/json-schema 4.1.6, jsonschema 4.26.0, jsonschema-rs 0.61.2,
# fastjsonschema 2.22.3.
# Source: found by trying; https://json-schema.org/draft/2020-12/json-schema-validation#section-6.2.1
# and ajv's option multipleOfPrecision.
# Needs: node (20 or later), npm, python3 with venv.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-save --ignore-scripts ajv@8.20.0 @cfworker/json-schema@4.1.6
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
  jsonschema==4.26.0 jsonschema-rs==0.61.2 fastjsonschema==2.22.3

cat >check.mjs <<'JS'
import { Validator } from '@cfworker/json-schema'
import { Ajv } from 'ajv'

const schema = { type: 'number', multipleOf: 0.1 }
const ajv = new Ajv().compile(schema)
const cfworker = new Validator(schema, '7')

print('ajv', ajv)
print('@cfworker/json-schema', (rating) => cfworker.validate(rating).valid)

function print(name, isValid) {
  const ratings = Array.from({ length: 101 }, (_, tenths) => JSON.parse((tenths / 10).toFixed(1)))
  const refused = ratings.filter((rating) => !isValid(rating))
  console.log(`${name}: ${isValid(8.35)} for 8.35, ${refused.length} refused ${refused.join(' ')}`)
}
JS
cat >check.py <<'PY'
import json

import fastjsonschema
import jsonschema
import jsonschema_rs

schema = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "number", "multipleOf": 0.1}
compiled = fastjsonschema.compile(schema)


def fast(rating):
    try:
        compiled(rating)
        return True
    except fastjsonschema.JsonSchemaValueException:
        return False


for name, is_valid in {
    "jsonschema": jsonschema.Draft7Validator(schema).is_valid,
    "jsonschema-rs": jsonschema_rs.validator_for(schema).is_valid,
    "fastjsonschema": fast,
}.items():
    refused = [rating for rating in (json.loads(f"{tenths / 10:.1f}") for tenths in range(101)) if not is_valid(rating)]
    print(f"{name}: {str(is_valid(8.35)).lower()} for 8.35, {len(refused)} refused", *refused)
PY

seen=$(node check.mjs; venv/bin/python check.py)
echo "$seen"
refused=$(sed -n 's/^ajv: //p' <<<"$seen")
if [[ $refused != 'false for 8.35, 33 refused 0.3 '*' 8.1 8.2 8.6 8.7 '* ]] ||
  ! grep -qxF "jsonschema: $refused" <<<"$seen" ||
  [ "$(grep -cE '^[^ ]+: false for 8.35, 0 refused ?$' <<<"$seen")" != 3 ]; then
  echo 'Changed: expected 33 refused by two and 0 by three' >&2
  exit 1
fi
echo 'As described: two validators refuse 33 ratings with one decimal, three refuse none.'
