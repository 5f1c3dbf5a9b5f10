"""What S3 answers, and how it does not, in the words that machines are told."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeVar

from harpcaller.runners.transfers import TransferFailed

T = TypeVar("T")

BUSY: Final = frozenset({"SlowDown", "RequestTimeout", "ConditionalRequestConflict"})
INTERNAL: Final = "InternalError"
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9.]{0,63}")  # S3's codes; 64 is plenty
_WORDS: Final[Mapping[int, str]] = {  # of proxies, which have no code of S3's
    HTTPStatus.FORBIDDEN: "AccessDenied",
    HTTPStatus.NOT_FOUND: "NoSuchKey",
}


class Again(Exception):
    """An attempt failed in a way that another one may not."""

    def __init__(self, failed: TransferFailed) -> None:
        super().__init__(failed.code)
        self.failed = failed


def told(work: Callable[[], T]) -> T:
    """Return what `work` returns; its errors are told in our words.

    Texts have no words of the server's but its code: what it says may quote
    what was signed. To be called in a thread: it imports botocore.

    Raises:
        TransferFailed: for good.
        Again: for now.
    """
    from botocore import exceptions as botocore  # noqa: PLC0415 (an extra, and slow)
    from botocore.parsers import ResponseParserError  # noqa: PLC0415
    from urllib3 import exceptions as urllib3  # noqa: PLC0415

    silent = (
        botocore.ConnectTimeoutError,
        botocore.ReadTimeoutError,
        urllib3.ReadTimeoutError,
    )
    cut_off = (
        botocore.ConnectionError,
        botocore.HTTPClientError,
        botocore.IncompleteReadError,
        OSError,
    )
    try:
        return work()
    except botocore.ClientError as error:
        raise _refusal(error.response) from None
    except silent:
        raise Again(TransferFailed("Timeout", "S3 does not answer")) from None
    except cut_off as error:
        text = f"S3 cannot be reached: {type(error).__name__}"
        raise Again(TransferFailed("Unreachable", text)) from None
    except (botocore.BotoCoreError, urllib3.HTTPError) as error:
        code = type(error).__name__
        raise TransferFailed(code, f"S3 cannot be asked: {code}") from None
    except (ResponseParserError, ValueError):  # a date, a length that is none
        text = "S3 answers what cannot be understood"
        raise Again(TransferFailed(INTERNAL, text)) from None


def _refusal(response: Mapping[str, Any]) -> Exception:
    code = str(response.get("Error", {}).get("Code", ""))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    text = f"S3 answers {code}"
    if not _WORD.fullmatch(code):
        code, text = _word(status), f"S3 answers status {status}, without a code"
    failed = TransferFailed(code, text)
    return Again(failed) if status >= 500 or code in BUSY else failed


def _word(status: int) -> str:
    """Return the code that S3 has for a status."""
    if status >= 500:
        return INTERNAL
    if 300 <= status < 400:
        return "PermanentRedirect"  # to a server that is not our `endpoint_url`
    return _WORDS.get(status, "InvalidRequest")
