"""The worker's side of its conversation: the request read, each reply written."""

from __future__ import annotations

from enum import StrEnum
from typing import NoReturn

from protocol.errors import WireError
from protocol.harp import HarpCall
from protocol.job import JobId, read_job_id
from protocol.jsontext import NULL, JsonText, JsonValue, decode, encode


class Refusal(StrEnum):
    """Why a worker does not run a call: the original's words, and one of ours."""

    PARSE_ERROR = "parse_error"
    INVALID_PROTOCOL = "invalid_protocol"
    INVALID_REQUEST = "invalid_request"
    AUTH_ERROR = "auth_error"
    NO_SUCH_PROCEDURE = "no_such_procedure"
    PROCEDURE_LOADING_ERROR = "procedure_loading_error"
    INVALID_ARGUMENT_LIST = "invalid_argument_list"
    FENCED = "fenced"
    BUSY = "busy"  # ours: as many calls of the procedure run and wait as may


class Refused(Exception):
    """A worker does not run a call."""

    def __init__(self, type_: Refusal, message: str) -> None:
        super().__init__(message)
        self.type = type_
        self.message = message


def read_call(line: bytes) -> HarpCall:
    """Return what a dispatcher asks for; fields that we do not know are ignored.

    Raises:
        Refused: `parse_error`, `invalid_protocol` or `invalid_request`.
    """
    try:
        fields = decode(line)
    except WireError as error:
        raise Refused(Refusal.PARSE_ERROR, error.message) from None
    version = fields.get("harp") if isinstance(fields, dict) else None
    if not isinstance(fields, dict) or type(version) is not int or version != 1:
        raise Refused(Refusal.INVALID_PROTOCOL, 'expected an object with "harp":1')
    procedure, arguments = fields.get("procedure"), fields.get("arguments")
    if not isinstance(procedure, str):
        _refuse("procedure", "a string")
    if not isinstance(arguments, list | dict):
        _refuse("arguments", "a list or an object")
    user, password = _read_auth(fields.get("auth"))
    return HarpCall(
        procedure=procedure,
        arguments=encode(arguments),
        user=user,
        password=password,
        job_id=_read_job(fields.get("job_id")),
        fence=_read_fence(fields.get("fence")),
    )


def acknowledgement(*, streams: bool) -> bytes:
    """Return the line that accepts a call."""
    return b'{"harp":1,"stream_result":%b}\n' % (b"true" if streams else b"false")


def packet(value: JsonText) -> bytes:
    """Return the line of one streamed value."""
    return b'{"stream":' + value + b"}\n"


def result(value: JsonText = NULL) -> bytes:
    """Return the line of a result."""
    return b'{"result":' + value + b"}\n"


def exception(type_: str, message: str, data: JsonText | None = None) -> bytes:
    """Return the line of an exception that the procedure raised."""
    more = b"" if data is None else b',"data":' + data
    words = (encode(type_), encode(message), more)
    return b'{"exception":{"type":%b,"message":%b%b}}\n' % words


def refused(complaint: Refused) -> bytes:
    """Return the line of a call that was not run."""
    return b'{"harp":1,"error":{"type":%b,"message":%b}}\n' % (
        encode(complaint.type.value),
        encode(complaint.message),
    )


def _read_auth(auth: JsonValue) -> tuple[str, str]:
    expected = "an object of strings user and password"
    if not isinstance(auth, dict):
        _refuse("auth", expected)
    user, password = auth.get("user"), auth.get("password")
    if not isinstance(user, str) or not isinstance(password, str):
        _refuse("auth", expected)
    return user, password


def _read_job(value: JsonValue) -> JobId | None:
    if value is None:
        return None
    job_id = read_job_id(value) if isinstance(value, str) else None
    if job_id is None:
        _refuse("job_id", "a UUID")
    return job_id


def _read_fence(value: JsonValue) -> int | None:
    if value is not None and (type(value) is not int or value < 0):
        _refuse("fence", "an integer of at least 0")
    return value


def _refuse(field: str, expected: str) -> NoReturn:
    raise Refused(Refusal.INVALID_REQUEST, f'field "{field}": expected {expected}')
