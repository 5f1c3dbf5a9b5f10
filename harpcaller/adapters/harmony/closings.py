"""The post that ends a request: what completes it differs by Harmony's version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from harpcaller.adapters.harmony.parameters import Parameters, error_parameters
from harpcaller.adapters.harmony.settings import Dialect

NO_DATA: Final = "No data found to process"
_STATUS: Final = ("status", "successful")
_BACKEND: Final = ("httpBackend", "true")


def succeeded(dialect: Dialect) -> Parameters:
    """Return what ends an asynchronous request whose outputs were all posted."""
    return _closing(dialect, [_STATUS])


def failed(dialect: Dialect, text: str) -> Parameters:
    """Return what ends a request that failed, wholly or in part."""
    return _closing(dialect, error_parameters(text))


def answered(dialect: Dialect, outputs: Sequence[Parameters]) -> Parameters:
    """Return what ends a synchronous request; each output is told by its parameters.

    Somebody waits for exactly one.
    """
    if not outputs:
        return failed(dialect, NO_DATA)
    if len(outputs) > 1:
        return failed(dialect, too_many(len(outputs)))
    if dialect is Dialect.SEED:
        return [("redirect", dict(outputs[0])["item[href]"])]
    return _closing(dialect, [*outputs[0], _STATUS])


def too_many(count: int) -> str:
    """Return what is told to somebody who waits for one output."""
    return f"The backend service provided {count} outputs when 1 was required"


def _closing(dialect: Dialect, parameters: Parameters) -> Parameters:
    if dialect is Dialect.HARMONY_NOW:
        return [*parameters, _BACKEND]
    return parameters
