"""Calls to workers that lie, and the words for what comes of them."""

from __future__ import annotations

from pathlib import Path

import attrs
from calling import a_host, a_runner, code_of
from dispatching import Ending, a_dispatcher, run_to_end
from fake_worker import Script, open_fake_worker

from protocol.call import Call
from protocol.jsontext import JsonText, decode
from protocol.outcome import Failed, Outcome, Returned

SHORT_S = 0.5  # the limit that a lie is to meet
LONG_S = 30  # the one that it is not to meet, however busy the machine
YES = b'{"harp":1,"stream_result":true}\n'
NO = b'{"harp":1,"stream_result":false}\n'
PACKET = b'{"stream":0}\n'
RESULT = b'{"result":1}\n'

ONE = Returned(JsonText(b"1"))
CLOSED = ("network_error", "closed")
RESET = ("network_error", "reset")
SSL = ("network_error", "ssl")
NOT_JSON = ("protocol_error", "parse_error")
NO_REPLY = ("protocol_error", "invalid_reply")
TOO_LARGE = ("protocol_error", "too_large")
TIMEDOUT = ("network_error", "timedout")
SILENT = ("timeout", "timeout")
TOO_LONG = ("timeout", "max_exec_time")


Expected = Outcome | tuple[str, str]


async def tell(
    path: Path, script: Script, expected: Expected, *, harp2: bool = False
) -> Ending:
    """Return what comes of a call whose worker tells that lie."""
    async with open_fake_worker(script, path=path / "worker") as worker:
        host = attrs.evolve(a_host(worker), harp2=harp2)
        async with a_runner(host) as runner, a_dispatcher(runner) as dispatcher:
            return await run_to_end(dispatcher, a_call(expected))


def a_call(expected: Expected) -> Call:
    """Return a call; short is the limit that is expected to end it."""
    return Call(
        host="w",
        procedure="ping",
        arguments=JsonText(b"[]"),
        timeout_s=SHORT_S if expected in (SILENT, TIMEDOUT) else LONG_S,
        max_exec_s=SHORT_S if expected == TOO_LONG else LONG_S,
    )


def told(outcome: Outcome) -> Outcome | tuple[str, object]:
    """Return the type and the code, or the limit, of one of our errors."""
    if not isinstance(outcome, Failed) or outcome.data is None:
        return outcome
    data = decode(outcome.data)
    assert isinstance(data, dict)
    if "limit" in data:
        return outcome.type, data["limit"]
    return code_of(outcome) if "code" in data else outcome
