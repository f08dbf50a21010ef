# Calls SQLite on the event loop, as the Node peers call better-sqlite3: on one core, a thread
# pool costs every request more than it gains.
import os

import store
from aiohttp import web
from page import page_headers, render_page


async def get_page(request):
    return web.Response(text=render_page(store.read()), headers=page_headers)


async def put_string(request):
    store.save(await request.text())
    return web.Response(status=204)


app = web.Application()
app.add_routes([web.get("/", get_page), web.put("/", put_string)])
web.run_app(app, host=os.environ["HOST"], port=int(os.environ["PORT"]), access_log=None, print=None)
