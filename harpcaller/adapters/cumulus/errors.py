"""What goes wrong around a call, in the adapter's own words; never a message's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from protocol.jsontext import JsonValue

INVALID_MESSAGE: Final = "Cumulus.InvalidMessage"
INVALID_WORKFLOW: Final = "Cumulus.InvalidWorkflow"
INVALID_ANSWER: Final = "Cumulus.InvalidAnswer"
VALIDATION_ERROR: Final = "Cumulus.ValidationError"
DATA_LIMIT: Final = "States.DataLimitExceeded"
RESULT_PATH: Final = "States.ResultPathMatchFailure"
REMOTE: Final = "RemoteResourceError"


class CumulusError(Exception):
    """An error of the adapter itself; `type` is what a person and a Catch know it by.

    `path` is where in the message, definition or answer it is; `code` and `about` are
    more to be told.
    """

    def __init__(
        self,
        type: str,  # noqa: A002 (the word of the wire)
        message: str,
        *,
        path: str | None = None,
        code: str | None = None,
        about: Mapping[str, JsonValue] | None = None,
    ) -> None:
        super().__init__(message)
        self.type = type
        self.message = message
        self.path = path
        self.code = code
        self.about: Mapping[str, JsonValue] = about or {}


def invalid_message(path: str, expected: str) -> CumulusError:
    """Return the complaint about one place of a message."""
    return CumulusError(INVALID_MESSAGE, f"{path}: expected {expected}", path=path)


def invalid_workflow(path: str, expected: str) -> CumulusError:
    """Return the complaint about one place of what is configured."""
    return CumulusError(INVALID_WORKFLOW, f"{path}: expected {expected}", path=path)


def too_large(what: str, size: int, limit: int) -> CumulusError:
    """Return the complaint about something that has more than it may have."""
    return CumulusError(DATA_LIMIT, f"{what}: {size}, at most {limit} are allowed")
