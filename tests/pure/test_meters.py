"""What is counted, and by which words."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harpcaller.meters import ENDINGS, WORKER_ERROR, Histogram, Refusals, ending
from protocol import replies
from protocol.errors import OUTCOME_ERRORS, ErrorType, WireError
from protocol.jsontext import JsonText
from protocol.outcome import Cancelled, Failed, Outcome, Raised, Returned


def test_a_value_is_counted_by_the_least_bound_that_holds_it() -> None:
    """A bucket includes its bound: OpenMetrics, "Histogram"."""
    histogram = Histogram((1, 2, 4))

    for value in (0.5, 1, 1.5, 4, 5):
        histogram.observe(value)

    assert histogram.counts == [2, 1, 1, 1]
    assert histogram.total == 12


@given(st.lists(st.floats(0, 1000)))
def test_every_value_is_counted_once(values: list[float]) -> None:
    """Or the count of all of them would be wrong."""
    histogram = Histogram((1, 10, 100))

    for value in values:
        histogram.observe(value)

    assert sum(histogram.counts) == len(values)


def test_each_end_has_its_word() -> None:
    """The words are a closed set."""
    value = JsonText(b"1")
    ends: list[Outcome] = [Returned(value), Raised(type="E", message=""), Cancelled()]
    failures = [Failed(type=word, message="") for word in OUTCOME_ERRORS]

    words = [ending(outcome) for outcome in [*ends, *failures]]

    assert words == ["returned", "raised", "cancelled", *OUTCOME_ERRORS]
    assert {*words, WORKER_ERROR} == set(ENDINGS)


@given(st.text())
def test_a_word_of_a_workers_is_never_a_word_of_ours(word: str) -> None:
    """A worker could fill the monitor's memory with words."""
    assert ending(Failed(type=word, message="")) in ENDINGS


def test_a_refusal_is_counted_as_it_is_told() -> None:
    """What clients were sent is what the operator sees."""
    refusals = Refusals()
    error = WireError(ErrorType.TOO_LARGE, "too large")

    lines = [refusals.line(error) for _ in range(3)]

    assert lines == [replies.error(error)] * 3
    assert refusals.counts == {ErrorType.TOO_LARGE: 3}
