"""The conversation with a worker: one call, its acknowledgement, its end.

`CallerConversation` is the dispatcher's side; the worker's is `harp_worker.py`.

The lines are the original's, and a connection serves one call. Where both ends agreed
on `ALPN_PROTOCOL` (on Unix sockets: were configured so) it is kept for the next call,
the request names job and fence, and while a call runs each end sends `HEARTBEAT`
every `HEARTBEAT_S` and gives up after `SILENCE_S` without a byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn, TypeAlias

import attrs

from protocol.errors import ErrorType, WireError
from protocol.job import JobId
from protocol.jsontext import MAX_DEPTH, JsonText, JsonValue, decode, encode
from protocol.lines import LineBuffer
from protocol.outcome import Failed, Outcome, Raised, Returned

ALPN_PROTOCOL = "harp/2"
HEARTBEAT = b'{"harp":2,"heartbeat":true}\n'
HEARTBEAT_S = 5
SILENCE_S = 20
MAX_LINE_BYTES = 4 * 1024 * 1024

_STREAM = b'{"stream":'
_HEARTBEAT_LINE = HEARTBEAT[:-1]
_OUR_WORDS = frozenset(word.value for word in ErrorType)
_VERBS = frozenset({"stream_result", "stream", "result", "exception", "error"})


@attrs.frozen(kw_only=True)
class HarpCall:
    """What a worker is asked to run; `arguments` is a list or an object.

    `job_id` and `fence` are only spoken where the extension was agreed on.
    """

    procedure: str
    arguments: JsonText = attrs.field(repr=False)  # sealed values are put back here
    user: str
    password: str = attrs.field(repr=False)
    job_id: JobId | None = None
    fence: int | None = None


@attrs.frozen
class Acknowledged:
    """The worker took the call; `streams` tells whether packets may come."""

    streams: bool


@attrs.frozen
class Packets:
    """What the procedure streamed next."""

    texts: tuple[JsonText, ...]


@attrs.frozen
class Ended:
    """How the call ended; always the last event."""

    outcome: Outcome


Event: TypeAlias = Acknowledged | Packets | Ended


def request(call: HarpCall) -> bytes:
    """Return the line that asks a worker for `call`."""
    extension = b""
    if call.job_id is not None:
        extension = b',"job_id":%b,"fence":%d' % (encode(call.job_id), call.fence or 0)
    return b'{"harp":1,"procedure":%b,"arguments":%b,"auth":%b%b}\n' % (
        encode(call.procedure),
        call.arguments,
        encode({"user": call.user, "password": call.password}),
        extension,
    )


#                    acknowledged                        packet
#   ──▶ ASKED ───────────────────────▶ ACCEPTED ◀───────────────┐
#         │                              │ │ └─────────────────┘
#         │ error, a lie, end of bytes   │ │ result, exception, error,
#         └─────────▶ ENDED ◀────────────┘ │ a lie, end of bytes
#                       ▲──────────────────┘
class CallerConversation:
    """The dispatcher's side of one call: bytes in, events out.

    Any cut of the same bytes gives the same events: `Acknowledged`, any number of
    packets, `Ended`; or `Ended` alone. Fields that we do not know are ignored,
    everything else that is no reply ends the call as `protocol_error`.
    """

    def __init__(
        self,
        *,
        max_line_bytes: int = MAX_LINE_BYTES,
        max_depth: int = MAX_DEPTH,
        has_heartbeats: bool = False,
    ) -> None:
        self._lines = LineBuffer(max_line_bytes)
        self._max_depth = max_depth
        self._has_heartbeats = has_heartbeats
        self._streams: bool | None = None  # None until the acknowledgement
        self.is_ended = False
        self.has_leftovers = False
        """Something followed the end: the connection is not fit for another call."""
        self.pending_bytes = 0
        """The length of the unfinished line: what parsing it will cost, at least."""

    def receive(self, data: bytes) -> list[Event]:
        """Return what `data` adds, in order; packets that came together as one event.

        The first end counts: what follows it changes nothing but `has_leftovers`.
        """
        if self.is_ended:
            self.has_leftovers = self.has_leftovers or bool(data)
            return []
        self._measure(data)
        events: list[Event] = []
        packets: list[JsonText] = []
        lines = iter(self._lines.take_lines(data))
        while (line := self._take_packets(lines, packets)) is not None:
            if self.is_ended:
                self.has_leftovers = True
                return events
            said = self._hear(line)
            if isinstance(said, bytes):
                packets.append(said)
            elif said is not None:
                _move(packets, events)
                events.append(said)
        _move(packets, events)
        if self.is_ended:
            self.has_leftovers = self._lines.has_partial or self._lines.is_overflown
        elif self._lines.is_overflown:
            events.append(self._end(_too_large(self._lines.max_line_bytes)))
        return events

    def receive_eof(self) -> list[Event]:
        """Return the end, unless there was one: the worker closed the connection."""
        if self.is_ended:
            return []
        had = "its acknowledgement" if self._streams is None else "a result"
        return [
            self._end(
                Failed(
                    type=ErrorType.NETWORK_ERROR,
                    message=f"the worker closed the connection before {had}",
                    data=encode({"code": "closed"}),
                )
            )
        ]

    def _measure(self, data: bytes) -> None:
        last = data.rfind(b"\n")
        if last < 0:
            self.pending_bytes += len(data)
        else:
            self.pending_bytes = len(data) - last - 1

    def _take_packets(
        self, lines: Iterator[bytes], packets: list[JsonText]
    ) -> bytes | None:
        """Move plain packets to `packets`; return the first line that is none.

        This is the hot path of streams, and leaves all that is not plain to `_hear`.
        """
        if not self._streams or self.is_ended:
            return next(lines, None)
        max_depth = self._max_depth - 1
        for line in lines:
            text = line[len(_STREAM) : -1].strip(b" \t")
            # A line is cut, not encoded again, if what is cut out is one value.
            if not line.startswith(_STREAM) or line[-1:] != b"}" or b"\r" in line:
                return line
            try:
                decode(text, max_depth=max_depth)
            except WireError:
                return line
            packets.append(JsonText(text))
        return None

    def _hear(self, line: bytes) -> JsonText | Acknowledged | Ended | None:
        if self._has_heartbeats and line == _HEARTBEAT_LINE:
            return None
        try:
            return self._read(line)
        except WireError as lie:
            return self._end(_protocol_error(lie))

    def _read(self, line: bytes) -> JsonText | Acknowledged | Ended:
        fields = decode(line, max_depth=self._max_depth)
        if not isinstance(fields, dict):
            _lie("expected an object")
        verbs = fields.keys() & _VERBS
        if len(verbs) != 1:
            _lie("expected one reply in a line")
        return self._read_reply(verbs.pop(), fields)

    def _read_reply(
        self, verb: str, fields: dict[str, JsonValue]
    ) -> JsonText | Acknowledged | Ended:
        body = fields[verb]
        if verb == "error":
            return self._end(_read_error(body))
        if verb == "stream_result":
            return self._read_acknowledgement(fields)
        if self._streams is None:
            _lie(f'"{verb}" came before the acknowledgement')
        if verb == "stream":
            if not self._streams:
                _lie("a packet came, although the worker had said it does not stream")
            return encode(body)
        if verb == "result":
            return self._end(Returned(encode(body)))
        return self._end(_read_exception(body))

    def _read_acknowledgement(self, fields: dict[str, JsonValue]) -> Acknowledged:
        if self._streams is not None:
            _lie("a second acknowledgement came")
        version = fields.get("harp")
        if type(version) is not int or version != 1:
            _lie('expected "harp":1 in the acknowledgement')
        streams = fields["stream_result"]
        if not isinstance(streams, bool):
            _lie('field "stream_result": expected true or false')
        self._streams = streams
        return Acknowledged(streams)

    def _end(self, outcome: Outcome) -> Ended:
        self.is_ended = True
        return Ended(outcome)


def _move(packets: list[JsonText], events: list[Event]) -> None:
    if packets:
        events.append(Packets(tuple(packets)))
        packets.clear()


def _lie(message: str) -> NoReturn:
    raise WireError(ErrorType.PROTOCOL_ERROR, message, {"code": "invalid_reply"})


def _protocol_error(lie: WireError) -> Failed:
    code = lie.type.value if lie.data is None else lie.data["code"]
    return Failed(
        type=ErrorType.PROTOCOL_ERROR,
        message=f"the worker's reply: {lie.message}",
        data=encode({"code": code}),
    )


def _too_large(max_line_bytes: int) -> Failed:
    return Failed(
        type=ErrorType.PROTOCOL_ERROR,
        message=f"the worker's reply: a line of more than {max_line_bytes} bytes",
        data=encode({"code": ErrorType.TOO_LARGE.value}),
    )


def _read_complaint(body: JsonValue, verb: str) -> tuple[str, str, JsonText | None]:
    if not isinstance(body, dict):
        _lie(f'field "{verb}": expected an object')
    type_, message = body.get("type"), body.get("message")
    if not isinstance(type_, str) or not isinstance(message, str):
        _lie(f'field "{verb}": expected strings "type" and "message"')
    return type_, message, encode(body["data"]) if "data" in body else None


def _read_exception(body: JsonValue) -> Raised:
    type_, message, data = _read_complaint(body, "exception")
    return Raised(type=type_, message=message, data=data)


def _read_error(body: JsonValue) -> Failed:
    """Return a worker's own error, marked as such; our words stay ours."""
    type_, message, data = _read_complaint(body, "error")
    marks = b'"from":"worker"'
    if type_ in _OUR_WORDS:
        marks += b',"code":' + encode(type_)
        type_ = ErrorType.PROTOCOL_ERROR
    if data is not None:
        marks += b',"data":' + data
    return Failed(type=type_, message=message, data=JsonText(b"{" + marks + b"}"))
