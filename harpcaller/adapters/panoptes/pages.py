"""The page that shows a workflow, its assets, and the events that it follows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any, Final

from harpcaller.adapters.panoptes.bodies import refusal
from harpcaller.adapters.panoptes.reading import refuse
from harpcaller.adapters.panoptes.serving import NO_SUCH, find
from harpcaller.adapters.panoptes.settings import Settings
from harpcaller.adapters.panoptes.updates import level_of
from harpcaller.adapters.route import Answer, Asked, Events, FilePath, Operations
from harpcaller.roles import Role
from protocol.jsontext import JsonValue

POLICY: Final = (
    "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
_STATIC: Final = PurePath(__file__).parent / "static"
_TYPES: Final = {
    "workflow.css": "text/css; charset=utf-8",
    "workflow.js": "text/javascript; charset=utf-8",
}
_HTML: Final = "text/html; charset=utf-8"
_NUMBER: Final = re.compile(r"[0-9]{1,18}")

_USUAL_RANK: Final = 20
_RANKS: Final = {
    "dag_debug": 10,
    "debug": 10,
    "warning": 30,
    "error": 40,
    "job_error": 40,
}
_LEAST: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}


async def page(asked: Asked, means: Operations, _: Settings) -> Answer:
    """Show a workflow; what there is to see is asked for by the page itself."""
    found = await find(asked, means, Role.READ)
    status, name = (404, "unknown.html") if found is None else (200, "workflow.html")
    headers = {**_HEADERS, "Content-Type": _HTML}
    return Answer(status=status, headers=headers, body=FilePath(path=_STATIC / name))


async def asset(asked: Asked, _: Operations, __: Settings) -> Answer:
    """Give out a part of the page."""
    name = asked.path["name"]
    if name not in _TYPES:
        return refusal(404, "no such file")
    headers = {**_HEADERS, "Content-Type": _TYPES[name]}
    return Answer(status=200, headers=headers, body=FilePath(path=_STATIC / name))


async def events(asked: Asked, means: Operations, _: Settings) -> Answer:
    """Follow a workflow, from its beginning or behind what was seen of it."""
    shows = _filter(asked.query)
    since = _since(asked)
    found = await find(asked, means, Role.READ)
    if found is None:
        return refusal(404, NO_SUCH)
    body = Events(job_id=found[0].job_id, since=since, shows=shows)
    return Answer(status=200, body=body)


def _since(asked: Asked) -> int:
    last = asked.headers.get("last-event-id")
    text = asked.query.get("since", "0") if last is None else last
    if not _NUMBER.fullmatch(text):
        refuse("since, Last-Event-ID: expected the number of an update")
    return int(text) + (last is not None)


def _filter(query: Mapping[str, str]) -> Callable[[JsonValue], bool] | None:
    level = query.get("level")
    if level is None:
        return None
    least = _LEAST.get(level)
    if least is None:
        refuse(f"level: expected one of {', '.join(_LEAST)}")

    def shows(packet: Any) -> bool:
        match packet:
            case {"message": dict(message)}:
                return rank(message) >= least
            case _:
                return least <= _USUAL_RANK

    return shows


def rank(message: Mapping[str, JsonValue]) -> int:
    """Return how loud a message is."""
    return _RANKS.get(level_of(message), _USUAL_RANK)
