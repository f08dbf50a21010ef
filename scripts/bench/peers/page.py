import html
import json
import os

with open(os.environ["PAGE_FILE"], encoding="utf-8") as file:
    before, rest = file.read().split("<h1>The saved string is ", 1)
before += "<h1>The saved string is "
after = rest[rest.index("</h1>") :]

# Those of onebox that do not change from answer to answer.
with open(os.environ["PAGE_HEADERS_FILE"], encoding="utf-8") as file:
    page_headers = json.load(file)


def render_page(string):
    return before + html.escape(string) + after
