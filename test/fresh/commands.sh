#!/bin/sh
# What run.sh does in the clone. Node asks for the page, as there is no curl.
npm ci
PORT=18080 npm start &
start=$!
node --eval '
  const deadline = Date.now() + 60_000
  const ask = () => fetch("http://127.0.0.1:18080").catch((error) => {
    if (Date.now() > deadline) throw error
    return new Promise((resolve) => setTimeout(resolve, 200)).then(ask)
  })
  ask().then((page) => page.text()).then((text) => console.log(text.match(/<h1>.*<\/h1>/)[0]))
'
kill -TERM $start
wait $start
npm test
