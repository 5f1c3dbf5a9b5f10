"""Every way that we know for a worker to lie, and the one outcome that each has.

A dispatcher, a runner and real sockets; the workers are the lie alone.
"""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import trio
from fake_worker import Script, Wire, says
from lies import (
    CLOSED,
    NO,
    NO_REPLY,
    NOT_JSON,
    ONE,
    PACKET,
    RESULT,
    SHORT_S,
    SILENT,
    TOO_LARGE,
    TOO_LONG,
    YES,
    Expected,
    tell,
    told,
)

from protocol.harp import HEARTBEAT
from protocol.jsontext import JsonText
from protocol.outcome import Failed, Raised, Returned


def result(text: bytes) -> bytes:
    """Return an acknowledgement and a result."""
    return NO + b'{"result":' + text + b"}\n"


def exception(text: bytes) -> bytes:
    """Return an acknowledgement and an exception."""
    return NO + b'{"exception":' + text + b"}\n"


def error(text: bytes) -> bytes:
    """Return a worker's error."""
    return b'{"harp":1,"error":' + text + b"}\n"


SAID: dict[str, tuple[bytes, Expected]] = {
    # no acknowledgement
    "nothing": (b"", CLOSED),
    "garbage": (b"garbage\n", NOT_JSON),
    "a web server": (b"HTTP/1.1 400 Bad Request\r\n\r\n", NOT_JSON),
    "a mail server": (b"220 mail.example.net ESMTP\r\n", NOT_JSON),
    "UTF-16": (YES.decode().encode("utf-16"), NOT_JSON),
    "zeros": (b"\0" * 100_000, CLOSED),
    "an empty line": (b"\n", NOT_JSON),
    "half an acknowledgement": (YES[:-5], CLOSED),
    "an acknowledgement without its line end": (YES[:-1], CLOSED),
    "a list": (b'["stream_result"]\n', NO_REPLY),
    "a word": (b'"stream_result"\n', NO_REPLY),
    "null": (b"null\n", NO_REPLY),
    "an empty object": (b"{}\n", NO_REPLY),
    "another object": (b'{"hello":"world"}\n', NO_REPLY),
    "another version": (b'{"harp":2,"stream_result":true}\n', NO_REPLY),
    "no version": (b'{"stream_result":true}\n', NO_REPLY),
    "a version that is true": (b'{"harp":true,"stream_result":true}\n', NO_REPLY),
    "streams maybe": (b'{"harp":1,"stream_result":"maybe"}\n', NO_REPLY),
    "a heartbeat never agreed on": (HEARTBEAT, NO_REPLY),
    "the result at once": (RESULT, NO_REPLY),
    "a packet at once": (PACKET, NO_REPLY),
    "an exception at once": (b'{"exception":{"type":"x","message":"y"}}\n', NO_REPLY),
    "all in one": (b'{"harp":1,"stream_result":false,"result":1}\n', NO_REPLY),
    # after it
    "closed after the acknowledgement": (NO, CLOSED),
    "closed in the stream": (YES + PACKET, CLOSED),
    "half a result": (NO + RESULT[:5], CLOSED),
    "two acknowledgements": (YES + YES, NO_REPLY),
    "two that differ": (YES + NO, NO_REPLY),
    "a packet although not streaming": (NO + PACKET, NO_REPLY),
    "garbage in the stream": (YES + PACKET + b"garbage\n", NOT_JSON),
    "result and exception": (
        NO + b'{"result":1,"exception":{"type":"x","message":"y"}}\n',
        NO_REPLY,
    ),
    "packet and result": (YES + b'{"stream":1,"result":1}\n', NO_REPLY),
    # bad ends
    "an exception that is a word": (exception(b'"oops"'), NO_REPLY),
    "an exception without message": (exception(b'{"type":"x"}'), NO_REPLY),
    "an exception without type": (exception(b'{"message":"x"}'), NO_REPLY),
    "an exception of numbers": (exception(b'{"type":1,"message":2}'), NO_REPLY),
    "an exception with more to it": (
        exception(b'{"type":"x","message":"y","more":1}'),
        Raised(type="x", message="y"),
    ),
    "an error that is a word": (error(b'"oops"'), NO_REPLY),
    "an error without type": (error(b'{"message":"x"}'), NO_REPLY),
    "an error in our words": (
        error(b'{"type":"timeout","message":"x"}'),
        ("protocol_error", "timeout"),
    ),
    "an error as an answer of ours": (
        error(b'{"type":"missing_result","message":"x"}'),
        ("protocol_error", "missing_result"),
    ),
    "an error after the acknowledgement": (
        NO + error(b'{"type":"own","message":"x"}'),
        Failed(type="own", message="x", data=JsonText(b'{"from":"worker"}')),
    ),
    # bad values
    "invalid UTF-8": (result(b'"\xff"'), NOT_JSON),
    "NaN": (result(b"NaN"), NOT_JSON),
    "a number beyond a double": (result(b"1e400"), NOT_JSON),
    "a lone surrogate": (result(b'"\\ud800"'), NOT_JSON),
    "an integer of 5,000 digits": (result(b"1" * 5000), NOT_JSON),
    "an integer of 100 digits": (result(b"1" * 100), Returned(JsonText(b"1" * 100))),
    "depth": (result(b"[" * 500 + b"]" * 500), NOT_JSON),
    "a depth bomb": (result(b"[" * 1_000_000), NOT_JSON),
    "a result in two lines": (NO + b'{"result":\n1}\n', NOT_JSON),
    "a control character": (result(b'"\x01"'), NOT_JSON),
    # what follows the end changes nothing
    "two results": (result(b"1") + b'{"result":2}\n', ONE),
    "a packet after the result": (result(b"1") + PACKET, ONE),
    "an error after the result": (
        result(b"1") + error(b'{"type":"x","message":"y"}'),
        ONE,
    ),
    "garbage after the result": (result(b"1") + b"garbage" * 1000, ONE),
    # clumsy, but true
    "CRLF": (NO[:-1] + b"\r\n" + RESULT[:-1] + b"\r\n", ONE),
    "blanks": (b' { "harp" : 1 , "stream_result" : false } \n' + RESULT, ONE),
    "more fields": (NO[:-2] + b',"x":1}\n{"result":1,"y":2}\n', ONE),
}


@pytest.mark.parametrize("cut", [0, 1], ids=["whole", "cut"])
@pytest.mark.parametrize("lie", SAID)
async def test_a_lie_has_one_outcome(tmp_path: Path, lie: str, cut: int) -> None:
    """A worker that is broken or evil costs its own call, and says how."""
    said, expected = SAID[lie]
    pieces = (said[:cut], said[cut:]) if said else ()

    ending = await tell(tmp_path, says(*pieces), expected)

    assert told(ending.outcome) == expected
    assert ending.packets == ((JsonText(b"0"),) if YES + PACKET in said else ())


async def forever(wire: Wire, data: bytes, gap_s: float = 0) -> None:
    """Send `data` again and again."""
    while True:
        await wire.send_all(data)
        await trio.sleep(gap_s)


async def never_answer(wire: Wire, line: bytes) -> None:
    """Say nothing."""
    await wire.wait_closed()


async def acknowledge_only(wire: Wire, line: bytes) -> None:
    """Say nothing more."""
    await wire.send_all(YES)
    await wire.wait_closed()


async def drip(wire: Wire, line: bytes) -> None:
    """Send a byte now and then: the line is never whole in time."""
    for number in range(len(YES)):
        await wire.send_all(YES[number : number + 1])
        await trio.sleep(SHORT_S / 4)


async def drip_blanks(wire: Wire, line: bytes) -> None:
    """Send bytes that are no line, for ever."""
    await forever(wire, b" ", SHORT_S / 4)


async def one_endless_line(wire: Wire, line: bytes) -> None:
    """Send a line without an end."""
    await wire.send_all(NO + b'{"result":"')
    await forever(wire, b"x" * 65536)


async def stream_for_ever(wire: Wire, line: bytes) -> None:
    """Send a packet now and then: never silent, never done."""
    await wire.send_all(YES)
    await forever(wire, PACKET, SHORT_S / 4)


async def flood(wire: Wire, line: bytes) -> None:
    """Send packets as fast as they are taken."""
    await wire.send_all(YES)
    await forever(wire, b'{"stream":"%b"}\n' % (b"x" * 1000) * 50)


async def never_close(wire: Wire, line: bytes) -> None:
    """Answer, but keep the connection."""
    await wire.send_all(NO + RESULT)
    await wire.wait_closed()


async def half_close(wire: Wire, line: bytes) -> None:
    """End our side, listen on."""
    await wire.send_all(NO)
    wire.transport.socket.shutdown(socket.SHUT_WR)
    await wire.wait_closed()


async def beat_only(wire: Wire, line: bytes) -> None:
    """Be alive, do nothing."""
    await forever(wire, HEARTBEAT, SHORT_S / 4)


DONE: dict[str, tuple[Script, Expected]] = {
    "never answers": (never_answer, SILENT),
    "acknowledges and no more": (acknowledge_only, SILENT),
    "drips its acknowledgement": (drip, SILENT),
    "drips blanks": (drip_blanks, SILENT),
    "sends one endless line": (one_endless_line, TOO_LARGE),
    "streams for ever": (stream_for_ever, TOO_LONG),
    "floods": (flood, TOO_LONG),
    "never closes": (never_close, ONE),
    "closes one half": (half_close, CLOSED),
}


@pytest.mark.parametrize("deed", DONE)
async def test_a_misdeed_has_one_outcome(tmp_path: Path, deed: str) -> None:
    """No worker holds a job, or the dispatcher, longer than the limits allow."""
    script, expected = DONE[deed]

    ending = await tell(tmp_path, script, expected)

    assert told(ending.outcome) == expected


async def test_heartbeats_are_no_answer(tmp_path: Path) -> None:
    """They say that a worker is alive, not that the call gets on."""
    ending = await tell(tmp_path, beat_only, SILENT, harp2=True)

    assert told(ending.outcome) == SILENT
