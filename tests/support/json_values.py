"""Strategies for JSON: any value a peer may send, equal to itself after the wire."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

INTEGERS = st.integers() | st.integers(min_value=-(10**4299), max_value=10**4299)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(
    st.characters(exclude_categories=["Cs"])
    | st.sampled_from('\0\x1f"\\/\u007f\u2028\u2029\ufeff\U0001f600')
)
LEAVES = st.none() | st.booleans() | INTEGERS | FLOATS | TEXTS


def _containers(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(children, max_size=5) | objects(children)


def objects(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return JSON objects of `children`."""
    return st.dictionaries(TEXTS, children, max_size=5)


VALUES: st.SearchStrategy[Any] = st.recursive(LEAVES, _containers, max_leaves=20)


def is_same(one: Any, other: Any) -> bool:
    """Tell whether two values are the same JSON: 1, 1.0 and true are three."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(
            is_same(one[name], other[name]) for name in one
        )
    if isinstance(one, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return bool(one == other)
