"""The error words, and the exception that carries one."""

from __future__ import annotations

from protocol.errors import OUTCOME_ERRORS, REQUEST_ERRORS, ErrorType, WireError


def test_every_error_word_is_in_exactly_one_of_the_two_sets() -> None:
    """A client tells by the word alone whether its job ended or its request failed."""
    assert set(ErrorType) == REQUEST_ERRORS | OUTCOME_ERRORS
    assert not REQUEST_ERRORS & OUTCOME_ERRORS


def test_a_wire_error_shows_all_it_carries() -> None:
    """It ends in logs and tracebacks, where the type matters most."""
    error = WireError(ErrorType.TOO_LARGE, "too much", {"max_line_bytes": 1})

    assert str(error) == "too much"
    assert repr(error) == ("WireError('too_large', 'too much', {'max_line_bytes': 1})")
