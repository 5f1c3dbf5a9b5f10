"""What a client may ask, read from one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import attrs

from protocol.call import Call
from protocol.call_fields import CALL_FIELDS, read_call
from protocol.errors import ErrorType, WireError
from protocol.fields import (
    Fields,
    refuse,
    refuse_repeated,
    refuse_unknown,
    take_boolean,
    take_count,
    take_string,
)
from protocol.job import JobId, read_job_id
from protocol.jsontext import (
    LARGE_TEXT_BYTES,
    JsonValue,
    collector_paused,
    decode,
)

# A line of 1 MiB has room for more, all but empty: no data is like that, and they
# take a tenth of a second to read and write.
MAX_CONTAINERS = 200_000


@attrs.frozen(kw_only=True)
class Submit:
    """Have `call` run."""

    call: Call
    session: bool = False


@attrs.frozen(kw_only=True)
class Cancel:
    """End a job now. `job_id` is None where the client's text was no id."""

    job_id: JobId | None
    session: bool = False


@attrs.frozen(kw_only=True)
class GetResult:
    """Tell the outcome; with `wait`, once there is one."""

    job_id: JobId | None
    wait: bool = True
    session: bool = False


@attrs.frozen(kw_only=True)
class GetStatus:
    """Tell what was called, and when."""

    job_id: JobId | None
    session: bool = False


@attrs.frozen(kw_only=True)
class FollowStream:
    """Send packets as they come, then the outcome.

    From packet `since`, or the `recent` last ones and all from now on.
    """

    job_id: JobId | None
    since: int | None = None
    recent: int | None = None
    session: bool = False


@attrs.frozen(kw_only=True)
class ReadStream:
    """Send the packets there are, then the outcome or `{"continue":true}`.

    At most `limit` of them, for which a line has no field.
    """

    job_id: JobId | None
    since: int | None = None
    recent: int | None = None
    limit: int | None = None
    session: bool = False


@attrs.frozen(kw_only=True)
class Hello:
    """Begin a session; `token` says who the client is, if it needs to."""

    token: str | None = attrs.field(default=None, repr=False)
    session: bool = True


@attrs.frozen(kw_only=True)
class Help:
    """Print requests to paste."""

    session: bool = True


Request: TypeAlias = (
    Submit | Cancel | GetResult | GetStatus | FollowStream | ReadStream | Hello | Help
)

_MAX_REMEMBERED = 4096
_MAX_REMEMBERED_BYTES = 200
_asked_before: dict[bytes, Request] = {}

_COMMON = ("harpcaller", "session")
_CALL_FIELDS = (*_COMMON, *CALL_FIELDS)
_STREAM_FIELDS = ("since", "recent")


def parse_request(line: bytes) -> Request:
    """Return what `line` asks for.

    Raises:
        WireError: `parse_error`, no JSON; `invalid_protocol`, no object with
            `"harpcaller":1`; `invalid_request`, anything else wrong with it.
    """
    asked = _asked_before.get(line)
    if asked is not None:
        return asked
    if len(line) <= LARGE_TEXT_BYTES:
        return _remember(line, _parse(line))
    with collector_paused():  # until the values are gone: a Request has only text
        return _parse(line)


def parse_call(text: bytes, key: str | None = None) -> Call:
    """Return the call that an object spells where nothing else can be asked.

    `"harpcaller":1` may be left out; `key` was given beside the object.

    Raises:
        WireError: `parse_error`, `invalid_protocol`, `invalid_request`, as for a line.
    """
    if len(text) <= LARGE_TEXT_BYTES:
        return _parse_call(text, key)
    with collector_paused():
        return _parse_call(text, key)


def _parse_call(text: bytes, key: str | None) -> Call:
    fields = decode(text, max_containers=MAX_CONTAINERS)
    if not isinstance(fields, dict):
        raise WireError(ErrorType.INVALID_REQUEST, "expected an object: a call")
    _check_version(fields.get("harpcaller", 1))
    refuse_repeated(text, fields, _QUOTED)
    for verb in _VERBS:
        if verb in fields:
            refuse(verb, "a call; what else may be asked has paths of its own")
    refuse_unknown(fields, _CALL_FIELDS)
    take_boolean(fields, "session", default=False)
    if key is not None:
        if fields.get("key") not in (None, key):
            refuse("key", "the same as in Idempotency-Key")
        fields["key"] = key
    return read_call(fields)


def _remember(line: bytes, request: Request) -> Request:
    """Return `request`; the same line will give it again without being read.

    Who polls a job asks the same again and again. Nothing secret is in such a line.
    """
    is_inquiry = isinstance(request, GetStatus | GetResult | ReadStream)
    if is_inquiry and len(line) <= _MAX_REMEMBERED_BYTES:
        if len(_asked_before) >= _MAX_REMEMBERED:
            _asked_before.clear()
        _asked_before[line] = request
    return request


def _parse(line: bytes) -> Request:
    if line in {b"help", b"?"}:
        return Help()
    fields = _decode(line)
    if not isinstance(fields, dict) or "harpcaller" not in fields:
        raise WireError(
            ErrorType.INVALID_PROTOCOL,
            'expected an object with "harpcaller":1; send "help" for examples',
        )
    _check_version(fields["harpcaller"])
    refuse_repeated(line, fields, _QUOTED)
    session = take_boolean(fields, "session", default=False)
    if "procedure" in fields or "host" in fields:
        if not fields.keys() <= _CALL_SET:
            _refuse_second(fields, "procedure")
            refuse_unknown(fields, _CALL_FIELDS)
        return Submit(call=read_call(fields), session=session)
    verb = _find_verb(fields)
    if not fields.keys() <= _ALLOWED[verb]:
        _refuse_second(fields, verb)
        refuse_unknown(fields, _ALLOWED[verb])
    return _VERBS[verb](fields, session)


def _check_version(version: JsonValue) -> None:
    if type(version) is not int or version != 1:
        raise WireError(
            ErrorType.INVALID_PROTOCOL,
            'field "harpcaller": this dispatcher speaks version 1',
            {"field": "harpcaller", "expected": "1"},
        )


def _decode(line: bytes) -> JsonValue:
    try:
        return decode(line, max_containers=MAX_CONTAINERS)
    except WireError as error:
        if line.lstrip().startswith((b"{", b"[")):
            raise
        # Somebody types words: they need more than the place of the mistake.
        message = f'{error.message}; send "help" for examples'
        raise WireError(error.type, message) from None


def _find_verb(fields: Fields) -> str:
    for field in fields:
        if field in _VERBS:
            return field
    refuse_unknown(fields, (*_CALL_FIELDS, *_VERBS, "wait", *_STREAM_FIELDS))
    raise WireError(
        ErrorType.INVALID_REQUEST,
        'no request in the line: expected "procedure" or one of '
        + ", ".join(f'"{verb}"' for verb in _VERBS),
    )


def _refuse_second(fields: Fields, verb: str) -> None:
    for field in fields:
        if field != verb and field in _VERBS:
            refuse(field, f'no second request beside "{verb}"')


def _read_cancel(fields: Fields, session: bool) -> Request:
    return Cancel(job_id=read_job_id(take_string(fields, "cancel")), session=session)


def _read_get_result(fields: Fields, session: bool) -> Request:
    return GetResult(
        job_id=read_job_id(take_string(fields, "get_result")),
        wait=take_boolean(fields, "wait", default=True),
        session=session,
    )


def _read_get_status(fields: Fields, session: bool) -> Request:
    job_id = read_job_id(take_string(fields, "get_status"))
    return GetStatus(job_id=job_id, session=session)


def _read_follow_stream(fields: Fields, session: bool) -> Request:
    job_id = read_job_id(take_string(fields, "follow_stream"))
    since, recent = _take_start(fields)
    return FollowStream(job_id=job_id, since=since, recent=recent, session=session)


def _read_read_stream(fields: Fields, session: bool) -> Request:
    job_id = read_job_id(take_string(fields, "read_stream"))
    since, recent = _take_start(fields)
    return ReadStream(job_id=job_id, since=since, recent=recent, session=session)


def _take_start(fields: Fields) -> tuple[int | None, int | None]:
    since = take_count(fields, "since")
    recent = take_count(fields, "recent")
    if since is not None and recent is not None:
        refuse("recent", 'no "recent" where "since" is given')
    return since, recent


def _read_hello(fields: Fields, session: bool) -> Request:
    value = fields["hello"]
    if value is True:
        return Hello()
    if not isinstance(value, dict):
        refuse("hello", 'true or {"token":"..."}')
    refuse_unknown(value, ("token",))
    return Hello(token=take_string(value, "token"))


def _read_help(fields: Fields, session: bool) -> Request:
    if fields["help"] is not True:
        refuse("help", "true")
    return Help()


_VERBS: dict[str, Callable[[Fields, bool], Request]] = {
    "cancel": _read_cancel,
    "get_result": _read_get_result,
    "get_status": _read_get_status,
    "follow_stream": _read_follow_stream,
    "read_stream": _read_read_stream,
    "hello": _read_hello,
    "help": _read_help,
}
_MORE = {
    "get_result": ("wait",),
    "follow_stream": _STREAM_FIELDS,
    "read_stream": _STREAM_FIELDS,
}
# Dictionaries for their order: complaints name the fields in it.
_ALLOWED = {
    verb: dict.fromkeys((*_COMMON, verb, *_MORE.get(verb, ()))).keys()
    for verb in _VERBS
}
_CALL_SET = frozenset(_CALL_FIELDS)
_QUOTED = {
    field: b'"%b"' % field.encode()
    for field in (*_CALL_FIELDS, *_VERBS, "wait", *_STREAM_FIELDS)
}
