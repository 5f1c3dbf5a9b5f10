"""Lines of the client protocol as HTTP answers have them."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from harpcaller.gateway.lines import events, packets_object
from protocol import replies
from protocol.jsontext import JsonText, encode
from protocol.outcome import Cancelled, Returned

values = st.recursive(
    st.none() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)
)


def read(text: bytes) -> list[tuple[str | None, str, object]]:
    """Return what a browser makes of events: id, kind and data of each."""
    found = []
    for block in text.decode().split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        kind = fields.get("event", "message")
        found.append((fields.get("id"), kind, json.loads(fields["data"])))
    return found


@given(st.lists(values, min_size=1, max_size=5), st.integers(0, 10**6))
def test_each_packet_is_an_event_with_its_number(told: list[object], at: int) -> None:
    """Whatever it holds: a browser resumes by that number."""
    texts = [encode(value) for value in told]  # type: ignore[arg-type]

    found = read(events(replies.packets(at, texts)))

    assert found == [
        (str(number), "message", {"packet": number, "data": value})
        for number, value in enumerate(told, at)
    ]


@given(values)
def test_the_last_line_is_the_end(value: object) -> None:
    """It comes with packets before it, or alone; its value may look like a packet."""
    text = JsonText(b'{"packet":1,"data":' + encode(value) + b"}")  # type: ignore[arg-type]
    end = replies.ended(Returned(text))

    alone, behind = read(events(end)), read(events(replies.packets(7, [text]) + end))

    assert [kind for _, kind, _ in behind] == ["message", "end"]
    assert behind[1:] == alone
    assert alone == [(None, "end", {"result": {"packet": 1, "data": value}})]


def test_a_page_is_one_object() -> None:
    """How it goes on stands beside the packets."""
    lines = replies.packets(3, [JsonText(b"1"), JsonText(b'"a"')])

    some = packets_object((lines + replies.CONTINUE).splitlines())
    none = packets_object([replies.ended(Cancelled()).rstrip()])

    assert json.loads(some) == {
        "packets": [{"packet": 3, "data": 1}, {"packet": 4, "data": "a"}],
        "continue": True,
    }
    assert json.loads(none) == {"packets": [], "cancelled": True}
