"""Requests that are wrong in one way each, and what each is answered."""

from __future__ import annotations

import attrs

from protocol.errors import ErrorType

_CALL = '"host":"h","procedure":"p","arguments":[]'
_ID = "0192f0c1-0000-7000-8000-000000000001"
_VERBS = ("cancel", "get_result", "get_status", "follow_stream", "read_stream")


@attrs.frozen(kw_only=True)
class BadRequest:
    """A line, the type and the field of its answer, and words from the message."""

    title: str
    line: bytes
    type: ErrorType
    field: str | None
    says: str


def _fields(text: str, field: str, says: str, title: str | None = None) -> BadRequest:
    """Return an object that is wrong in one field."""
    return BadRequest(
        title=title or text[:60],
        line=b'{"harpcaller":1,' + text.encode() + b"}",
        type=ErrorType.INVALID_REQUEST,
        field=field,
        says=says,
    )


def _protocol(line: str, field: str | None = None) -> BadRequest:
    return BadRequest(
        title=line,
        line=line.encode(),
        type=ErrorType.INVALID_PROTOCOL,
        field=field,
        says='"harpcaller"',
    )


def _no_json(line: bytes, says: str, title: str) -> BadRequest:
    return BadRequest(
        title=title, line=line, type=ErrorType.PARSE_ERROR, field=None, says=says
    )


def _call(field: str, value: str, says: str) -> BadRequest:
    return _fields(f'{_CALL},"{field}":{value}', field, says, f"{field} {value[:40]}")


def _value_rows() -> list[BadRequest]:
    """Return optional fields of a call with values they may not have."""
    too_many = f"[{','.join(['0'] * 101)}]"
    no_time = ("0", "-1", "-0.5", "true", '"5"', "[]")
    rows: list[tuple[str, str, tuple[str, ...]]] = [
        ("timeout", "a number of seconds above 0", no_time),
        ("max_exec_time", "a number of seconds above 0", no_time),
        (
            "retries",
            "an integer from 0 to 100",
            ("-1", "101", "1.0", "1.5", "true", '"1"', "1e2"),
        ),
        ("key", "a string of 1 to 200 characters", ('""', f'"{"k" * 201}"')),
        ("key", "a string", ("1",)),
        (
            "sealed",
            "a list of at most 100 JSON pointers",
            ('"/a"', "{}", "[1]", "[null]", too_many),
        ),
        ("sealed", "points to nothing", ('["/0"]', '[""]', '["x"]')),
        ("session", "true or false", ("1", '"true"', "[]")),
        ("queue", 'an object with "name" and "concurrency"', ("[]", '"disk"', "1")),
    ]
    return [
        _call(field, value, says) for field, says, values in rows for value in values
    ]


def _queue_rows() -> list[BadRequest]:
    """Return queues that are none."""
    rows = [
        _fields(f'{_CALL},"queue":{value}', "queue.name", "an object, the name")
        for value in ("{}", '{"name":null}', '{"name":"disk"}', '{"name":[]}')
    ]
    for value in ("0", "-1", "true", "1.5", "1.0", '"2"', "9223372036854775808"):
        queue = f'{_CALL},"queue":{{"name":{{}},"concurrency":{value}}}'
        says = "an integer of at least 1"
        rows.append(_fields(queue, "queue.concurrency", says, f"concurrency {value}"))
    misspelt = f'{_CALL},"queue":{{"name":{{}},"concurency":1}}'
    says = 'did you mean "queue.concurrency"'
    rows.append(_fields(misspelt, "queue.concurency", says))
    strange = f'{_CALL},"queue":{{"name":{{}},"x":1}}'
    rows.append(_fields(strange, "queue.x", 'unknown field "queue.x"'))
    return rows


def _call_rows() -> list[BadRequest]:
    """Return calls that lack something or have too much."""
    string, names = "a string", "a string of 1 to 1024 characters"
    arguments = "a list or an object"
    return [
        _fields('"procedure":"p","arguments":[]', "host", string),
        _fields('"host":null,"procedure":"p","arguments":[]', "host", string),
        _fields('"host":1,"procedure":"p","arguments":[]', "host", string),
        _fields('"host":"","procedure":"p","arguments":[]', "host", names),
        _fields(f'"host":"{"h" * 1025}","procedure":"p","arguments":[]', "host", names),
        _fields('"host":"h","arguments":[]', "procedure", string),
        _fields('"host":"h","procedure":["p"],"arguments":[]', "procedure", string),
        _fields('"host":"h","procedure":"","arguments":[]', "procedure", names),
        _fields('"host":"h","procedure":"p"', "arguments", arguments),
        _fields('"host":"h","procedure":"p","arguments":null', "arguments", arguments),
        _fields('"host":"h","procedure":"p","arguments":"x"', "arguments", arguments),
        _call("tmeout", "1", 'did you mean "timeout"'),
        _call("max_exec_tme", "1", 'did you mean "max_exec_time"'),
        _call("since", "1", "expected one of"),
        _call("wait", "true", "expected one of"),
        _call("cancel", f'"{_ID}"', 'no second request beside "procedure"'),
        _call("help", "true", 'no second request beside "procedure"'),
        _call("host", '"h"', "to be given once"),
        _fields(f'{_CALL},"h\\u006fst":"h"', "host", "to be given once"),
    ]


def _job_rows() -> list[BadRequest]:
    """Return requests about a job that are wrong."""
    rows = []
    for verb in _VERBS:
        rows.append(_fields(f'"{verb}":null', verb, "a string"))
        rows.append(_fields(f'"{verb}":1', verb, "a string"))
        rows.append(_fields(f'"{verb}":"{_ID}","{verb}":"{_ID}"', verb, "once"))
        rows.append(_fields(f'"{verb}":"{_ID}","timeout":1', "timeout", "one of"))
        second = "get_status" if verb != "get_status" else "cancel"
        two = f'"{verb}":"{_ID}","{second}":"{_ID}"'
        rows.append(_fields(two, second, f'no second request beside "{verb}"'))
    for verb in ("follow_stream", "read_stream"):
        both = f'"{verb}":"{_ID}","since":0,"recent":0'
        rows.append(_fields(both, "recent", 'no "recent" where "since" is given'))
        for value in ("-1", "1.0", "true", '"0"', "1e0", "9223372036854775808"):
            for field in ("since", "recent"):
                text = f'"{verb}":"{_ID}","{field}":{value}'
                rows.append(_fields(text, field, "an integer of at least 0"))
    rows.append(_fields(f'"get_result":"{_ID}","wait":0', "wait", "true or false"))
    rows.append(_fields(f'"get_status":"{_ID}","wait":true', "wait", "one of"))
    rows.append(_fields(f'"get_result":"{_ID}","wiat":true', "wiat", '"wait"?'))
    rows.append(_fields(f'"get_reslt":"{_ID}"', "get_reslt", '"get_result"?'))
    rows.append(_fields('"hello":false', "hello", 'true or {"token":"..."}'))
    rows.append(_fields('"hello":{}', "token", "a string"))
    rows.append(_fields('"hello":{"token":1}', "token", "a string"))
    rows.append(_fields('"hello":{"tokn":"t"}', "tokn", 'did you mean "token"'))
    rows.append(_fields('"hello":true,"wait":true', "wait", "one of"))
    rows.append(_fields('"help":1', "help", "true"))
    rows.append(_fields('"help":true,"since":1', "since", "one of"))
    return rows


_NONE_AT_ALL = [
    BadRequest(
        title="no verb",
        line=line,
        type=ErrorType.INVALID_REQUEST,
        field=None,
        says="no request in the line",
    )
    for line in (b'{"harpcaller":1}', b'{"harpcaller":1,"wait":true,"session":true}')
]

_PROTOCOL = [
    *(_protocol(line) for line in ("[]", "1", "null", '"help"', "{}", '{"host":"h"}')),
    *(
        _protocol(f'{{"harpcaller":{version},{_CALL}}}', "harpcaller")
        for version in ("2", "0", "1.0", "true", '"1"', "null", "10000000000000000000")
    ),
]

_NO_JSON = [
    _no_json(b"", "byte 0", "nothing"),
    _no_json(b"hello", "byte 0", "a word"),
    _no_json(b"GET / HTTP/1.1", "byte 0", "HTTP"),
    _no_json(b"{'harpcaller':1}", "byte 1", "single quotes"),
    _no_json(b'{"harpcaller":1,}', "byte", "trailing comma"),
    _no_json(b'{"harpcaller":1', "byte", "half a line"),
    _no_json(b'{"harpcaller":NaN}', "byte", "NaN"),
    _no_json(b'{"harpcaller":1e400}', "byte", "beyond a double"),
    _no_json(b'{"harpcaller":"\\ud800"}', "byte", "a lone surrogate"),
    _no_json(b'{"harpcaller":"\xff"}', "invalid UTF-8 at byte 15", "invalid UTF-8"),
    _no_json(b'{"harpcaller":%b}' % (b"9" * 4301), "4300 digits", "a long integer"),
    _no_json(b"[" * 129 + b"]" * 129, "deeper than 128", "depth 129"),
    _no_json(b"[" * 10**6, "lists and objects", "a depth bomb"),
]

BAD_REQUESTS: list[BadRequest] = [
    *_call_rows(),
    *_value_rows(),
    *_queue_rows(),
    *_job_rows(),
    *_NONE_AT_ALL,
    *_PROTOCOL,
    *_NO_JSON,
]
