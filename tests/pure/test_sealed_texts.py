"""References in the place of sealed texts: what is hidden, and what comes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from json_values import VALUES, is_same

from harpcaller.adapters.sealed_texts import SealedTexts
from protocol.jsontext import JsonText, JsonValue, decode, encode
from protocol.outcome import Cancelled, Failed, Outcome, Raised, Returned

NONCE = "00112233445566778899aabbccddeeff"
REF = f"sealed:{NONCE}:"


def texts(*values: JsonValue) -> SealedTexts:
    """Return some sealed values."""
    return SealedTexts(NONCE, values)


@pytest.mark.parametrize(
    ("said", "hidden"),
    [
        ('"hunter22"', f'"{REF}0"'),
        ('{"a":["got hunter22!"]}', f'{{"a":["got {REF}0!"]}}'),
        ('{"hunter22":1}', f'{{"{REF}0":1}}'),
        (r'"\u0068unter22"', f'"{REF}0"'),
        ('"hunter2"', '"hunter2"'),
        (r'"\n"', r'"\n"'),
        ("12345678", "12345678"),
        ("null", "null"),
    ],
)
def test_a_sealed_text_is_hidden_wherever_it_stands(said: str, hidden: str) -> None:
    """In values, in names, in the middle of others, and spelled with escapes."""
    sealed = texts("hunter22")

    assert sealed.hide(JsonText(said.encode())) == hidden.encode()
    assert decode(sealed.open(JsonText(hidden.encode()))) == decode(said.encode())


def test_a_short_text_stays() -> None:
    """It stands in too much that is no secret."""
    sealed = texts("abcde")

    assert sealed.hide(JsonText(b'"abcde"')) == b'"abcde"'
    assert sealed.reference("abcde") == f"{REF}0"


def test_the_longest_of_overlapping_texts_is_hidden() -> None:
    """Else the rest of it would stand there."""
    sealed = texts("hunter", "hunter-and-more")

    assert sealed.hide(JsonText(b'"hunter-and-more"')) == f'"{REF}1"'.encode()


def test_a_number_is_hidden_as_such_and_in_texts() -> None:
    """And comes back as what it was."""
    sealed = texts(12345678, 1.5)
    said = JsonText(b'[12345678,"12345678","no 12345678",12345678.0,true,1.5]')

    hidden = sealed.hide(said)

    expected = f'["{REF}0","{REF}1","no {REF}1",12345678.0,true,1.5]'
    assert hidden == expected.encode()
    assert sealed.open(hidden) == said


def test_what_is_within_a_sealed_object_is_hidden_too() -> None:
    """A client may seal more than one text at once."""
    sealed = texts({"user": "robert", "more": ["secret1", 7, None]})

    hidden = sealed.hide(JsonText(b'["robert","secret1"]'))

    assert hidden == f'["{REF}1","{REF}2"]'.encode()
    assert sealed.open_leaf(f"{REF}0") == {
        "user": "robert",
        "more": ["secret1", 7, None],
    }


def test_a_reference_to_nothing_is_a_text() -> None:
    """Nobody but us can make one; a number beyond all is no reason to fail."""
    sealed = texts("hunter22")

    assert sealed.open_leaf(f"{REF}99") == f"{REF}99"
    assert sealed.open_text(f"a {REF}0 b {REF}99") == f"a hunter22 b {REF}99"
    assert sealed.open_leaf(5) == 5


def test_the_same_value_has_one_number() -> None:
    """A machine that is fed its log again adds nothing."""
    sealed = texts("hunter22")

    assert not sealed.add(["hunter22"])
    assert sealed.add(["another1"])
    assert sealed.values == ["hunter22", "another1"]


@pytest.mark.parametrize(
    ("body", "hidden"),
    [
        (b'{"a":"hunter22"}', f'{{"a":"{REF}0"}}'.encode()),
        (b"a=hunter22\xff", f"a={REF}0".encode() + b"\xff"),
        (b"", b""),
    ],
)
def test_a_document_may_be_no_json(body: bytes, hidden: bytes) -> None:
    """Its bytes are looked at as they are, then."""
    assert texts("hunter22").hide_body(body) == hidden


@pytest.mark.parametrize(
    ("outcome", "hidden"),
    [
        (Returned(JsonText(b'"hunter22"')), Returned(JsonText(f'"{REF}0"'.encode()))),
        (
            Raised(type="E", message="no hunter22", data=JsonText(b'["hunter22"]')),
            Raised(
                type="E",
                message=f"no {REF}0",
                data=JsonText(f'["{REF}0"]'.encode()),
            ),
        ),
        (
            Failed(type="hunter22", message="m"),
            Failed(type=f"{REF}0", message="m"),
        ),
        (Cancelled(), Cancelled()),
    ],
)
def test_an_outcome_is_hidden_in_all_its_parts(
    outcome: Outcome, hidden: Outcome
) -> None:
    """An exception that quotes a password is the usual case."""
    sealed = texts("hunter22")

    assert sealed.hide_outcome(outcome) == hidden
    assert sealed.open_outcome(hidden) == outcome


@given(VALUES, st.lists(VALUES, max_size=3))
def test_what_was_hidden_comes_back(value: JsonValue, values: list[JsonValue]) -> None:
    """Whatever is sealed, and whatever is said."""
    sealed = texts(*values)

    hidden = sealed.hide(encode(value))

    assert is_same(decode(sealed.open(hidden)), decode(encode(value)))
