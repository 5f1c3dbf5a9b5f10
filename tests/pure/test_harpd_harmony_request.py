"""The arguments of calls of Harmony services: what is taken, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from harpcaller.worker.harmony.request import (
    Bundle,
    for_service,
    is_in_s3,
    is_inside,
    is_url,
    read_cli,
    read_http,
    shape_text,
    token_in,
    with_shape,
    without_token,
)
from protocol.harp_worker import Refused
from protocol.jsontext import JsonValue

CLI: dict[str, Any] = {
    "unit": "s1.b0",
    "attempt": 2,
    "message": {"version": "0.22.0"},
    "sources": "/shared/in/catalog.json",
    "metadata_dir": "/shared/out",
    "data_location": None,
    "env": {"APP_NAME": "x"},
}
HTTP: dict[str, Any] = {
    "unit": "s1.b0",
    "attempt": 0,
    "message_file": "/shared/message.json",
    "accessToken": "token",
    "url": "http://localhost:4000/",
}


def test_a_call_of_the_adapter_is_taken() -> None:
    """These are the arguments that the requirements give."""
    request = read_cli(CLI)

    assert (request.asked.unit, request.asked.message) == ("s1.b0", CLI["message"])
    assert (request.sources, request.metadata_dir) == (
        CLI["sources"],
        CLI["metadata_dir"],
    )
    assert (request.data_location, request.env) == (None, CLI["env"])


def test_a_call_by_http_is_taken() -> None:
    """A large message stands in a file, and its token comes beside it."""
    request = read_http(HTTP)

    assert request.url == HTTP["url"]
    assert request.asked.message_file == HTTP["message_file"]
    assert request.asked.token == "token"  # noqa: S105 (a test's)


def test_a_bundle_is_taken() -> None:
    """Without a shared directory the documents come with the call."""
    files: dict[str, JsonValue] = {"catalog.json": {}, "g/g.json": {}}

    request = read_cli({**CLI, "sources": {"root": "catalog.json", "files": files}})

    assert request.sources == Bundle(root="catalog.json", files=files)


def test_what_is_left_out_has_a_default() -> None:
    """Null is how the adapter leaves out."""
    request = read_cli({"unit": "u", "message": {}, "sources": "/x", "env": None})

    assert (request.metadata_dir, request.env) == (None, {})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"other": 1}, 'unknown argument "other"'),
        ({"unit": None}, '"unit": expected a name'),
        ({"unit": "../x"}, '"unit": expected a name'),
        ({"unit": "--privileged"}, '"unit": expected a name'),
        ({"attempt": True}, '"attempt": expected an integer'),
        ({"message": []}, '"message": expected an object'),
        ({"message": None}, 'one of "message" and "message_file"'),
        ({"message_file": "/x"}, 'one of "message" and "message_file"'),
        ({"sources": None}, 'missing argument "sources"'),
        ({"sources": 1}, '"sources": expected a path, a URL or a bundle'),
        ({"sources": {"root": "a", "files": {}}}, '"root" among them'),
        ({"sources": {"root": "a", "files": []}}, '"root" among them'),
        ({"sources": {"root": "../a", "files": {"../a": 1}}}, "leads out of it"),
        ({"sources": {"root": "/a", "files": {"/a": 1}}}, "leads out of it"),
        ({"env": {"A": 1}}, '"env": expected strings'),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], said: str) -> None:
    """By a sentence that names the argument, before anything is written."""
    with pytest.raises(Refused) as caught:
        read_cli({**CLI, **changes})

    assert said in caught.value.message


def test_arguments_need_names_and_a_url() -> None:
    """A list of seven would be a riddle."""
    with pytest.raises(Refused, match="have to be named"):
        read_cli([])
    with pytest.raises(Refused, match='missing argument "url"'):
        read_http({**HTTP, "url": None})


def test_the_token_is_that_of_the_call_or_of_the_message() -> None:
    """None at all is an empty one: the library knows no other way."""
    assert token_in({"accessToken": "a"}, None) == "a"
    assert token_in({"accessToken": "a"}, "b") == "b"
    assert token_in({}, None) == ""
    with pytest.raises(Refused, match="expected a string"):
        token_in({"accessToken": 1}, None)


def test_a_service_gets_no_callback() -> None:
    """Old libraries would post to it themselves."""
    assert for_service({"a": 1, "callback": "http://h"}, "t") == {
        "a": 1,
        "accessToken": "t",
    }


def test_nobody_else_gets_the_token() -> None:
    """What the service left of its message has it again."""
    assert without_token({"a": 1, "accessToken": "t", "callback": "c"}) == {"a": 1}


def test_a_shape_in_a_string_becomes_a_file() -> None:
    """The library crashes on a string, and leaves no error.json."""
    message = {"subset": {"bbox": [], "shape": '{"type":"Point"}'}}

    assert shape_text(message) == '{"type":"Point"}'
    assert with_shape(message, "/p/shape.geojson")["subset"] == {
        "bbox": [],
        "shape": {"href": "file:///p/shape.geojson", "type": "application/geo+json"},
    }
    assert shape_text({"subset": {"shape": {"href": "x"}}}) is None
    assert shape_text({}) is None


def test_urls_and_paths_are_told_apart() -> None:
    """A path is looked at, a URL is the service's to read."""
    assert is_url("https://h/catalog.json")
    assert is_url("s3://bucket/catalog.json")
    assert not is_url("/shared/catalog.json")
    assert not is_url("file:///etc/passwd")
    assert not is_url("https:///x")


def test_what_is_to_be_in_s3_is_judged_as_that() -> None:
    """A mistake in such an address is told in its words, not in those of a path."""
    assert is_in_s3("s3://bucket/out/")
    assert is_in_s3("s3:/bucket/out")
    assert not is_in_s3("/s3:/bucket/out")


@pytest.mark.parametrize("path", ["", "/a", "a//b", "../a", "a/..", "./a", "a\0b"])
def test_such_a_path_may_lead_anywhere(path: str) -> None:
    """Documents are written by their paths."""
    assert not is_inside(path)
    assert is_inside("a/b.json")
