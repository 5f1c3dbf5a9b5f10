"""The calls that attempts make: hosts, queues, arguments, what is sealed in them."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from harmony_corpus import LIMITS, operation, settings
from harmony_requests import (
    COPY,
    JOB,
    ZARR_CHAIN,
    arguments,
    bound,
    calls,
    judged,
    saves,
    seed_settings,
)

from harpcaller.adapters.harmony.bindings import Constant, Reach
from harpcaller.adapters.harmony.refusals import Refusal
from harpcaller.adapters.harmony.trees import read_tree
from protocol.call import Sealed
from protocol.jsontext import decode, encode


def test_a_call_is_a_child_with_a_queue_of_its_request() -> None:
    """H-15: host, procedure, queue and limits; nothing secret in the clear."""
    loaded = settings()
    found = judged(loaded, COPY, operation("async-2.json"))

    first, second = calls(loaded, found)

    request_id = found.message.request_id
    assert (first.key, second.key) == ("s1.b0/a0", "s1.b1/a0")
    assert (first.call.host, first.call.procedure) == ("worker01", "copy")
    assert first.call.queue is not None
    assert first.call.queue.concurrency == 2
    assert decode(first.call.queue.name) == {"harmony": COPY, "request": request_id}
    assert (first.call.timeout_s, first.call.max_exec_s) == (120, 14400)
    assert first.call.sealed == (
        Sealed(
            pointer="/message/accessToken",
            value=encode(found.message.fields["accessToken"]),
        ),
    )
    assert b"rWURUsiX" not in bytes(first.call.arguments)
    assert decode(first.call.info) == {
        "parent": JOB,
        "key": "s1.b0/a0",
        "harmony": {
            "request": request_id,
            "service": COPY,
            "image": "test/copy",
            "step": 1,
            "steps": 1,
            "batch": 0,
            "attempt": 0,
            "client": "test-client",
        },
    }


def test_a_call_has_what_its_procedure_needs() -> None:
    """H-15: the environment of a service, and its inputs inline."""
    loaded = settings()

    first = calls(loaded, judged(loaded, COPY, operation("async-2.json")))[0]

    assert arguments(first)["env"] == {
        "APP_NAME": "test/copy",
        "HARP_SERVICE_TITLE": "Copy",
        "HARP_SERVICE_VERSION": "1.0",
        "STAGING_BUCKET": "staging.example.org",
        "STAGING_PATH": "public/test",
    }
    assert arguments(first)["metadata_dir"] is None
    items = read_tree(
        arguments(first)["sources"]["root"], arguments(first)["sources"]["files"]
    )
    assert isinstance(items, tuple)
    assert [item.id for item in items] == ["G1001-A"]


def test_passwords_in_the_environment_are_sealed() -> None:
    """A status shows arguments; files of Harmony have passwords in `env`."""
    loaded = seed_settings()
    found = judged(loaded, ZARR_CHAIN, operation("seed-zarr.json"))

    call = calls(loaded, found)[0]

    assert {each.pointer for each in call.call.sealed} == {
        "/message/accessToken",
        "/env/EDL_PASSWORD",
        "/env/OAUTH_PASSWORD",
    }
    assert b"unset-edl-password" not in bytes(call.call.arguments)


@pytest.mark.parametrize(
    "name",
    ["db_password", "PGPASSWD", "A_SECRET", "AWS_ACCESS_KEY_ID", "Token", "CREDENTIAL"],
)
def test_what_sounds_secret_is_sealed(name: str) -> None:
    """Whatever its letters are."""
    loaded = bound(env={name: "hunter22", "PLACE": "here"})

    (call,) = calls(loaded, judged(loaded, COPY, operation("sync-1.json")))

    assert f"/env/{name}" in {each.pointer for each in call.call.sealed}
    assert b"hunter22" not in bytes(call.call.arguments)
    assert arguments(call)["env"]["PLACE"] == "here"


def test_one_queue_may_be_for_all_requests() -> None:
    """H-26: synchronous runs then have one of their own."""
    loaded = bound(is_per_service=True)
    sync, asynchronous = (
        judged(loaded, COPY, operation(name))
        for name in ("sync-1.json", "async-2.json")
    )

    names = [calls(loaded, found)[0].call.queue for found in (sync, asynchronous)]

    assert [decode(each.name) for each in names if each] == [
        {"harmony": COPY, "sync": True},
        {"harmony": COPY},
    ]


def test_documents_are_written_where_workers_see_them() -> None:
    """Each attempt gets a directory that nobody has used."""
    loaded = bound("/shared")
    found = judged(loaded, COPY, operation("async-2.json"))

    written = saves(loaded, found)
    first = calls(loaded, found)[0]

    place = f"/shared/{JOB}/s1.b0"
    assert arguments(first)["sources"] == f"{place}/in/catalog.json"
    assert arguments(first)["metadata_dir"] == f"{place}/a0/out"
    assert list(written)[:2] == [f"{place}/in/catalog.json", f"{place}/in/item0.json"]


def test_a_large_message_is_a_file_without_its_token() -> None:
    """A call is one line, and may be shown."""
    loaded = bound("/shared")
    large = {"extraArgs": {"text": "x" * 300_000}}
    fields = operation("sync-1.json") | large
    found = judged(loaded, COPY, fields)
    (call,) = calls(loaded, found)

    place = f"/shared/{JOB}/s1.b0/message.json"
    assert arguments(call)["message_file"] == place
    assert arguments(call)["accessToken"] == "***"
    assert [each.pointer for each in call.call.sealed] == ["/accessToken"]
    assert "accessToken" not in saves(loaded, found)[place]
    assert len(call.call.arguments) < 10_000


def test_a_message_may_have_no_token() -> None:
    """In compat mode it is forgiven; nothing is sealed then."""
    loaded = bound("/shared")
    large = {"extraArgs": {"text": "x" * 300_000}}

    for changes in ({}, large):
        found = judged(loaded, COPY, operation("sync-1.json") | changes)
        fields = {**found.message.fields}
        del fields["accessToken"]
        bare = attrs.evolve(found, message=attrs.evolve(found.message, fields=fields))

        assert calls(loaded, bare)[0].call.sealed == ()


def test_without_a_shared_directory_all_is_inline() -> None:
    """Then the message is too, however large; a line's limit is the worker's."""
    loaded = bound("/shared", is_shared=False)
    fields = operation("sync-1.json") | {"extraArgs": {"text": "x" * 300_000}}

    (call,) = calls(loaded, judged(loaded, COPY, fields))

    assert arguments(call)["message"]["extraArgs"] == fields["extraArgs"]
    assert arguments(call)["metadata_dir"] is None
    assert arguments(call)["sources"]["root"] == "catalog.json"


def test_a_call_larger_than_a_workers_line_is_refused() -> None:
    """E18: nothing is ever cut short."""
    loaded = settings()
    text = "x" * LIMITS.max_worker_line_bytes
    found = judged(loaded, COPY, operation("sync-1.json", extraArgs={"text": text}))

    with pytest.raises(Refusal, match=r"^Request is too large for the disp") as caught:
        calls(loaded, found)

    assert (caught.value.code, caught.value.status) == ("E18", 500)


def test_a_method_gets_its_arguments_from_the_message() -> None:
    """H-14: what the message lacks is left out."""
    loaded = settings()
    found = judged(loaded, "test/method", operation("sync-1.json"))

    (call,) = calls(loaded, found)

    assert call.call.procedure == "thumbnail"
    assert arguments(call) == {
        "bbox": [-20, -10, 30, 40],
        "urls": ["https://data.example.org/a/a_01.nc"],
        "quality": 80,
    }
    assert (call.call.timeout_s, call.call.max_exec_s) == (600, 600)


@pytest.mark.parametrize(
    ("wanted", "value", "pointers"),
    [
        (("/accessToken", "/user"), ["***", "jdoe"], ["/0"]),
        (("/absent", Constant(1), "/accessToken"), [1, "***"], ["/1"]),
        ({"a/b~": "/accessToken"}, {"a/b~": "***"}, ["/a~1b~0"]),
        (("/sources/0/collection",), ["C1233800302-EEDTEST"], []),
        (("/sources/7", "/sources/x", "/user/0"), [], []),
        ((), [], []),
    ],
)
def test_pointers_lead_into_the_message(
    wanted: Any, value: Any, pointers: list[str]
) -> None:
    """The token may be one of them; then it is sealed."""
    loaded = bound(reach=Reach.METHOD, arguments=wanted)

    call = calls(loaded, judged(loaded, COPY, operation("async-2.json")))[0]

    assert arguments(call) == value
    assert [each.pointer for each in call.call.sealed] == pointers


def test_a_method_may_want_the_items() -> None:
    """As our catalogs have them."""
    loaded = bound(reach=Reach.METHOD, arguments=("@items",))

    call = calls(loaded, judged(loaded, COPY, operation("async-2.json")))[0]

    assert arguments(call)[0][0]["id"] == "G1001-A"


def test_http_services_get_granules_in_their_message() -> None:
    """They know nothing of catalogs."""
    loaded = settings()
    found = judged(loaded, "test/http", operation("sync-1.json"))

    (call,) = calls(loaded, found)

    given = arguments(call)
    assert given["url"] == "http://127.0.0.1:4000/test/harmony"
    assert "sources" not in given
    assert given["message"]["sources"][0]["granules"][0]["id"] == "G1001-A"
