"""What is answered over HTTP to somebody who waits: the output itself, or its place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final, assert_never
from urllib.parse import quote

from harpcaller.adapters.harmony.closings import NO_DATA, too_many
from harpcaller.adapters.harmony.endings import CANCELLED, TIMED_OUT, Category
from harpcaller.adapters.harmony.mimes import header_type
from harpcaller.adapters.harmony.publishing import UNREACHABLE
from harpcaller.adapters.harmony.settings import Settings
from harpcaller.adapters.harmony.stac import text_of
from harpcaller.adapters.harmony.uris import last_part
from harpcaller.adapters.route import Answer, FilePath
from protocol.errors import ErrorType
from protocol.jsontext import decode
from protocol.outcome import Cancelled, Failed, Outcome, Raised, Returned

_FILE: Final = "file://"
_STATUS: Final[Mapping[str, int]] = {
    Category.NO_RETRY: 400,
    Category.NO_DATA: 400,
    Category.FORBIDDEN: 403,
    Category.SERVER: 502,
    Category.CANCELED: 503,
}
# Of a URL that stays as it is: it may have been percent-encoded already.
_SAFE: Final = "!#$%&'()*+,/:;=?@[]~"
# Of a name in quotes; all else is told by its bytes beside it.
_UNSAFE: Final = re.compile(r"[^ !#-\[\]-~]")


def plain_answer(
    status: int, text: str, headers: Mapping[str, str] | None = None
) -> Answer:
    """Return an answer that is a sentence."""
    told = {"Content-Type": "text/plain; charset=utf-8", **(headers or {})}
    return Answer(status=status, headers=told, body=text.encode())


def plain_error(_: int, __: str, message: str) -> tuple[bytes, str]:
    """Return the body of an error, and its media type: Harmony shows it as it is."""
    return message.encode(), "text/plain"


def answer_of(outcome: Outcome, settings: Settings) -> Answer:
    """Return what a synchronous request is answered by when its job has ended."""
    match outcome:
        case Returned(value):
            result: Any = decode(value)
            return _of_outputs(result["outputs"], settings)
        case Raised(type=category, message=message):
            is_late = category == Category.CANCELED and message.endswith(TIMED_OUT)
            status = 504 if is_late else _STATUS.get(category, 500)
            return plain_answer(status, message)
        case Failed(type=ErrorType.TIMEOUT):
            return plain_answer(504, TIMED_OUT)
        case Failed(message=message):
            return plain_answer(500, message)
        case Cancelled():
            return plain_answer(503, CANCELLED)
    assert_never(outcome)


def _of_outputs(outputs: Sequence[Mapping[str, Any]], settings: Settings) -> Answer:
    if not outputs:
        return plain_answer(400, NO_DATA)
    if len(outputs) > 1:
        return plain_answer(500, too_many(len(outputs)))
    [output] = outputs
    href = output["href"]
    if not href.startswith(_FILE):
        return Answer(status=303, headers={"Location": quote(href, safe=_SAFE)})
    roots = _roots(settings)
    if not roots:
        return plain_answer(500, UNREACHABLE)
    headers = {
        "Content-Type": header_type(text_of(output, "type"), href),
        "Content-Disposition": _disposition(
            text_of(output, "title") or last_part(href)
        ),
    }
    path = PurePosixPath(href.removeprefix(_FILE))
    return Answer(status=200, headers=headers, body=FilePath(path=path, within=roots))


def _roots(settings: Settings) -> tuple[PurePosixPath, ...]:
    """Return the folders whose files may be shown: those that we may read."""
    own = [] if settings.work_dir is None else [PurePosixPath(settings.work_dir)]
    allowed = [
        PurePosixPath("/", *place.path)
        for place in settings.granule_allow
        if place.scheme == "file"
    ]
    return (*own, *allowed)


def _disposition(name: str) -> str:
    shown = _UNSAFE.sub("_", name)
    exact = "" if shown == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'attachment; filename="{shown}"{exact}'
