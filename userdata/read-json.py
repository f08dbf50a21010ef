"""Turns JSON on standard input into lines of text: desired, serving, https or deploy."""

import json
import re
import sys

DIGEST = re.compile(r"[0-9a-f]{64}")
NAME = re.compile(r"[A-Z][A-Z0-9_]*")
VALUE = re.compile(r"[A-Za-z0-9_,./+:@=-]*")


def desired(content):
    """The ids of the runtime and the release on one line, then a line for each setting."""
    for key in ("runtime", "release"):
        check(DIGEST, content[key], key)
    for name, value in content["environment"].items():
        check(NAME, name, "the name of each setting")
        check(VALUE, value, name)
    print(content["runtime"], content["release"])
    for setting in content["environment"].items():
        print("=".join(setting))


def serving(content):
    releases = {each["release"][:12] for each in content["workers"]}
    starts = [each["startedAt"] for each in content["workers"]]
    silent = f"; no answer from worker {' and '.join(content['silent'])}" if "silent" in content else ""
    print(f"release {', '.join(releases)} on {len(starts)} workers, since {min(starts)}{silent}")


def https(content):
    state = content["https"]
    facts = [f"{name} {state[name]}" for name in ("expiresAt", "problem", "nextTryAt") if name in state]
    print(", ".join(state["names"] + facts))


def deploy(content):
    reason = f": {content['reason']}" if "reason" in content else ""
    release = f", release {content['release'][:12]}" if "release" in content else ""
    print(f"{content['status']} since {content['at']}{release}{reason}")
    for line in content.get("log", []):
        print(" " * 10, line)


def check(pattern, text, what):
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise ValueError(f"{what} must match {pattern.pattern}")


what = sys.argv[1]
try:
    {"desired": desired, "serving": serving, "https": https, "deploy": deploy}[what](json.load(sys.stdin))
except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
    sys.exit(f"{what}.json is invalid: {type(error).__name__}: {error}")
