"""`POST /harmony/SERVICE`: which call a message stands for, and what is answered."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from harmony_corpus import operation, settings
from scripted_means import JOB, ScriptedMeans, done

from harpcaller.adapters.harmony.intake import ROUTES
from harpcaller.adapters.route import Answer, Asked, FilePath
from protocol.errors import ErrorType, WireError
from protocol.jsontext import decode, encode
from protocol.outcome import Cancelled, Failed, Outcome, Raised, Returned

HEADERS = {"content-length": "1", "content-type": "application/json"}
ASYNC = operation("async-2.json")
SYNC = operation("sync-1.json")


def ask(
    body: Any,
    operations: ScriptedMeans,
    service: str = "test/copy",
    headers: dict[str, str] | None = None,
    **table: Any,
) -> Answer:
    """Return the answer to a message."""
    asked = Asked(
        path={"service": service},
        query={},
        headers=HEADERS if headers is None else headers,
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
    )
    return done(ROUTES[1].handler(asked, operations, settings(**table)))


def waited(ends: Outcome, **table: Any) -> Answer:
    """Return the answer to a synchronous message whose job ends so."""
    return ask(SYNC, ScriptedMeans(ends=ends), **table)


def returned(*outputs: Any) -> Returned:
    """Return the outcome of a request with such outputs."""
    return Returned(encode({"status": "successful", "outputs": list(outputs)}))


def text_of(answer: Answer) -> tuple[int, str]:
    """Return status and text of an answer."""
    assert isinstance(answer.body, bytes)
    assert answer.headers["Content-Type"].startswith("text/plain")
    return answer.status, answer.body.decode()


def test_an_asynchronous_message_is_answered_by_its_job() -> None:
    """H-23: Harmony takes any code below 400 as accepted."""
    operations = ScriptedMeans()

    answer = ask(ASYNC, operations)

    assert answer.status == 202
    assert isinstance(answer.body, bytes)
    assert decode(answer.body) == {"job_id": JOB}
    assert answer.headers["Location"] == f"/v1/jobs/{JOB}"
    [made] = operations.calls
    assert (made.host, made.procedure) == ("@harmony", "test/copy")
    assert decode(made.arguments) == {"operation": ASYNC, "options": {}}
    assert operations.posts == []


def test_the_same_message_is_the_same_job_whatever_its_token() -> None:
    """E20: Harmony sends it again with another one; other services are other jobs."""
    operations = ScriptedMeans()

    ask(ASYNC, operations)
    ask({**ASYNC, "accessToken": "other"}, operations)
    ask(ASYNC, operations, "test/copy-serial")
    ask({**ASYNC, "client": "other"}, operations)

    first, again, *others = [call.key for call in operations.calls]
    assert first == again
    assert len({first, *others}) == 3


def test_who_waits_is_posted_nothing() -> None:
    """The answer is the result."""
    operations = ScriptedMeans(ends=returned({"href": "https://h/x"}))

    ask(SYNC, operations)

    arguments: Any = decode(operations.calls[0].arguments)
    assert arguments["options"] == {"dialect": "none"}


@pytest.mark.parametrize("href", ["https://h/x.nc", "s3://b/x.nc"])
def test_an_output_elsewhere_is_a_redirect(href: str) -> None:
    """H-23: by its full place."""
    answer = waited(returned({"href": href}))

    assert (answer.status, answer.headers["Location"]) == (303, href)


def test_a_place_is_one_word() -> None:
    """It comes from a service: nothing of it ends the header, or is no ASCII."""
    answer = waited(returned({"href": "https://h/ä b%20c?d=%2B\r\nX: y"}))

    expected = "https://h/%C3%A4%20b%20c?d=%2B%0D%0AX:%20y"
    assert answer.headers["Location"] == expected


def test_an_output_on_disk_is_sent() -> None:
    """H-23: its bytes, type and name; only from where we may read."""
    output = {"href": "file:///w/job/x.nc", "type": "application/x-netcdf4"}

    answer = waited(
        returned(output), work_dir="/w", granule_allow=["https:", "file:///data/"]
    )

    assert answer.status == 200
    assert answer.body == FilePath(
        path=PurePosixPath("/w/job/x.nc"),
        within=(PurePosixPath("/w"), PurePosixPath("/data")),
    )
    assert answer.headers == {
        "Content-Type": "application/x-netcdf4",
        "Content-Disposition": 'attachment; filename="x.nc"',
    }


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ({"href": "file:///w/x.png"}, "image/png"),
        ({"href": "file:///w/x"}, "application/octet-stream"),
        ({"href": "file:///w/x.png", "type": "a/b\r\nX: y"}, "image/png"),
        ({"href": "file:///w/x.png", "type": "ü/b"}, "image/png"),
        ({"href": "file:///w/x", "type": "text"}, "application/octet-stream"),
        ({"href": "file:///w/x", "type": "a/b; c=d e"}, "a/b; c=d e"),
    ],
)
def test_a_type_that_is_not_told_is_guessed(output: Any, told: str) -> None:
    """By the name, as with callbacks."""
    answer = waited(returned(output), work_dir="/w")

    assert answer.headers["Content-Type"] == told


def test_a_name_may_have_any_letters() -> None:
    """It comes from a service: nothing of it ends the header."""
    output = {"href": "file:///w/x", "title": 'ü"\r\nX: y'}

    answer = waited(returned(output), work_dir="/w")

    assert answer.headers["Content-Disposition"] == (
        "attachment; filename=\"____X: y\"; filename*=UTF-8''%C3%BC%22%0D%0AX%3A%20y"
    )


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        (returned(), (400, "No data found to process")),
        (
            returned({"href": "a"}, {"href": "b"}),
            (500, "The backend service provided 2 outputs when 1 was required"),
        ),
        (returned({"href": "file:///x"}), (500, "result is not reachable")),
        (Raised(type="NoRetry", message="m"), (400, "m")),
        (Raised(type="NoData", message="m"), (400, "m")),
        (Raised(type="Forbidden", message="m"), (403, "m")),
        (Raised(type="Service", message="m"), (500, "m")),
        (Raised(type="Unknown", message="m"), (500, "m")),
        (Raised(type="Server", message="m"), (502, "m")),
        (Raised(type="Canceled", message="m"), (503, "m")),
        (
            Raised(type="Canceled", message="Request timed out"),
            (504, "Request timed out"),
        ),
        (
            Raised(type="Canceled", message="1 of 2 items failed: Request timed out"),
            (504, "1 of 2 items failed: Request timed out"),
        ),
        (Failed(type=ErrorType.TIMEOUT, message="m"), (504, "Request timed out")),
        (Failed(type=ErrorType.MISSING_RESULT, message="m"), (500, "m")),
        (Cancelled(), (503, "Request was canceled by the service operator")),
    ],
)
def test_a_failure_is_a_status_and_a_text(ends: Outcome, told: tuple[int, str]) -> None:
    """1.6: the user reads the text."""
    assert text_of(waited(ends)) == told


BAD = [
    (b"{", 400, "Message is not valid JSON: line 1 column 2"),
    ([], 400, "Message must be a JSON object"),
    ({**ASYNC, "version": "0.3.0"}, 400, 'Unsupported data-operation version "0.3.0"'),
    ({**ASYNC, "shiny": 1}, 400, "Invalid message at /shiny"),
    ({**ASYNC, "requestId": "../../x"}, 400, "Invalid message at /requestId"),
    ({**ASYNC, "subset": {"bbox": [0, 9, 1, 8]}}, 400, "Invalid bounding box"),
    ({**ASYNC, "callback": "http://169.254.169.254/"}, 403, "Callback URL is not"),
    (operation("async-2.json", callback=None), 400, "callback is required"),
    ({**ASYNC, "sources": []}, 400, "Request has no input granules"),
]


@pytest.mark.parametrize(("body", "status", "text"), BAD)
def test_a_bad_message_is_no_job(body: Any, status: int, text: str) -> None:
    """H-13: E1 to E8, with status and text."""
    operations = ScriptedMeans()

    told = text_of(ask(body, operations))

    assert told[0] == status
    assert told[1].startswith(text)
    assert operations.calls == []


@pytest.mark.parametrize(
    ("service", "changes", "status", "text"),
    [
        ("no/such", {}, 404, 'Unknown service "no/such"'),
        ("test/async-only", {"isSynchronous": True}, 400, "Service test/async-only"),
    ],
)
def test_what_a_service_cannot_do_is_refused(
    service: str, changes: Any, status: int, text: str
) -> None:
    """H-13: E10 to E14."""
    told = text_of(ask({**ASYNC, **changes}, ScriptedMeans(), service))

    assert told[0] == status
    assert told[1].startswith(text)


def test_a_refusal_is_posted_once() -> None:
    """H-13: Harmony does not read the answer to an asynchronous message."""
    operations = ScriptedMeans()

    ask({**ASYNC, "sources": []}, operations)

    [post] = operations.posts
    parts = urlsplit(post.url)
    assert (post.method, post.body) == ("POST", b"")
    assert parts.path == urlsplit(ASYNC["callback"]).path + "/response"
    assert parse_qs(parts.query) == {"error": ["Request has no input granules"]}
    assert post.allow == ("http://127.0.0.1:8089",)


@pytest.mark.parametrize(
    ("changes", "table"),
    [
        ({"callback": "http://169.254.169.254/"}, {}),
        ({"callback": "ftp://127.0.0.1/"}, {"callback_allow": ["ftp:"]}),
        ({"callback": 1}, {}),
        ({"isSynchronous": True}, {}),
        ({}, {"dialect": "none"}),
    ],
)
def test_nothing_is_posted_where_it_may_not_be(changes: Any, table: Any) -> None:
    """Nor where somebody waits for the answer."""
    operations = ScriptedMeans()

    answer = ask({**ASYNC, "sources": [], **changes}, operations, **table)

    assert answer.status >= 400
    assert operations.posts == []


def test_what_the_dispatcher_refuses_is_the_gateway_s_to_tell() -> None:
    """E21: 503 with Retry-After where it stops; nothing is posted for who may not."""
    refusing = ScriptedMeans(refusal=WireError(ErrorType.SHUTTING_DOWN, "m"))

    with pytest.raises(WireError):
        ask(ASYNC, refusing)

    assert refusing.posts == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "application/json"}, 411),
        ({"content-length": "1"}, 415),
        ({"transfer-encoding": "chunked", "content-type": "text/plain"}, 415),
        ({"content-length": "1", "content-type": "application/json;charset=x"}, 202),
    ],
)
def test_a_body_has_a_length_and_a_type(headers: Any, status: int) -> None:
    """H-13: E19."""
    assert ask(ASYNC, ScriptedMeans(), headers=headers).status == status


def test_errors_of_the_gateway_are_plain_text() -> None:
    """Harmony shows them to its users as they are."""
    for route in ROUTES:
        assert route.error_shape is not None
        assert route.error_shape(413, "too_large", "m") == (b"m", "text/plain")
