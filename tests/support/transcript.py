"""Conversations written down, and the player that holds a dispatcher to them.

A file holds many, each begun by `#` and the sentence that it shows:

    # A result can be asked for without waiting
    > {"harpcaller":1,"get_result":"$RUNNING","wait":false}
    < {"no_result":true}

`>` is sent and `<` has to come back, byte by byte but for `…`, which is any text in a
string, `{…}`, any flat object, and `$NAME`, which is remembered where it is first met:
an id, for a name that ends in `_AT` a time in whole seconds, for `PID` a number. At the
end the connection is still open (another request is answered) unless the last line says
`= closed` (the dispatcher has closed it, and said nothing more) or `= left` (we go
first).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import attrs

FOLDER = Path(__file__).parent.parent / "transcripts"
PROBE = b'{"harpcaller":1,"cancel":"still there?"}\n'
PROBED = b'{"cancelled":false}\n'

Memory: TypeAlias = dict[str, str]
"""What was met: names and what they stand for."""


class Talker(Protocol):
    """What a client is spoken for with: a socket, or what stands for one."""

    def __enter__(self) -> Any: ...

    def __exit__(self, *exception: object) -> Any: ...

    def sendall(self, data: bytes, /) -> None:
        """Send lines."""

    def makefile(self, mode: Any, /) -> Any:
        """Return what reads lines."""


_NAME = re.compile(r"\$([A-Z][A-Z0-9_]*)")
_ANY_OBJECT = r"\{[^{}]*\}"
_ANY_TEXT = r'(?:[^"\\]|\\.)*'
_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_TIME = r"\d{10}"
_NUMBER = r"\d+"


@attrs.frozen(kw_only=True)
class Transcript:
    """One conversation; `lines` are as written, each with its sign."""

    title: str
    lines: tuple[str, ...]


def read_transcripts(name: str) -> list[Transcript]:
    """Return the conversations of a file in the folder of transcripts."""
    found: list[Transcript] = []
    text = (FOLDER / name).read_text(encoding="utf-8")
    for line in text.split("\n"):
        if line.startswith("# "):
            found.append(Transcript(title=line[2:], lines=()))
        elif line:
            assert line[:2] in {"> ", "< ", "= "}, f"what is {line!r} in {name}?"
            said = attrs.evolve(found[-1], lines=(*found[-1].lines, line))
            found[-1] = said
    return found


def play(
    transcript: Transcript,
    client: Talker,
    memory: Memory,
    probe: tuple[bytes, bytes] = (PROBE, PROBED),
) -> None:
    """Say our part on `client`, check the other one; `memory` grows.

    `probe` is a request and its answer, which shows that the connection is open.
    """
    with client, client.makefile("rb") as replies:
        pending = b""
        for line in transcript.lines:
            sign, text = line[0], line[2:]
            if sign == ">":
                pending += _filled(text, memory).encode() + b"\n"
                continue
            client.sendall(pending)  # requests in a row are sent in one piece
            pending = b""
            if sign == "<":
                check(text, replies.readline().decode(), memory)
            elif text == "closed":
                assert replies.read() == b""
                return
            else:
                assert text == "left"
                return
        client.sendall(pending + probe[0])
        assert replies.readline() == probe[1]


def check(expected: str, reply: str, memory: Memory) -> None:
    """Compare a reply, and remember what its names stand for."""
    met = re.fullmatch(_pattern(expected, memory) + "\n", reply)
    assert met is not None, f"\nexpected {expected}\n     got {reply}"
    memory.update(met.groupdict())


def _filled(text: str, memory: Memory) -> str:
    return _NAME.sub(lambda name: memory[name[1]], text)


def _pattern(expected: str, memory: Memory) -> str:
    pieces: list[str] = []
    for at, piece in enumerate(_NAME.split(expected)):
        if at % 2 == 0:
            literal = re.escape(piece).replace(re.escape("{…}"), _ANY_OBJECT)
            pieces.append(literal.replace("…", _ANY_TEXT))
        elif piece in memory:
            pieces.append(re.escape(memory[piece]))
        else:
            pieces.append(f"(?P<{piece}>{_shape(piece)})")
    return "".join(pieces)


def _shape(name: str) -> str:
    if name.endswith("_AT"):
        return _TIME
    return _NUMBER if name == "PID" else _ID
