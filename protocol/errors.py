"""The only error words that cross a wire, and the exception that carries one."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class ErrorType(StrEnum):
    """One word for each way to fail; harpcaller-protocol(7), "Errors"."""

    # Request errors: the request was not done. Never an outcome of a job.
    INVALID_JOBID = "invalid_jobid"
    PARSE_ERROR = "parse_error"
    INVALID_PROTOCOL = "invalid_protocol"
    INVALID_REQUEST = "invalid_request"
    TOO_LARGE = "too_large"
    OVERLOADED = "overloaded"
    SHUTTING_DOWN = "shutting_down"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    STORAGE_ERROR = "storage_error"
    STORAGE_FULL = "storage_full"
    INTERNAL_ERROR = "internal_error"

    # Outcomes: how a job ended. Never the answer to a bad request.
    OS_ERROR = "os_error"
    NETWORK_ERROR = "network_error"
    PROTOCOL_ERROR = "protocol_error"
    TIMEOUT = "timeout"
    UNKNOWN_HOST = "unknown_host"
    MISSING_RESULT = "missing_result"


OUTCOME_ERRORS = frozenset(
    {
        ErrorType.OS_ERROR,
        ErrorType.NETWORK_ERROR,
        ErrorType.PROTOCOL_ERROR,
        ErrorType.TIMEOUT,
        ErrorType.UNKNOWN_HOST,
        ErrorType.MISSING_RESULT,
    }
)
REQUEST_ERRORS = frozenset(ErrorType) - OUTCOME_ERRORS


class WireError(Exception):
    """What a peer is to know: a type, a sentence it can act on, optional data."""

    def __init__(
        self, type_: ErrorType, message: str, data: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.type = type_
        self.message = message
        self.data = data

    def __repr__(self) -> str:
        return f"WireError({self.type.value!r}, {self.message!r}, {self.data!r})"
