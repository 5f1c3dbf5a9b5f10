"""harpcaller-http(7) says what is served."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from daemon_process import Table, running_daemon
from manual import MAN, section_of
from web_client import ON, web_client

from harpcaller.adapters.csapi.definition import TYPES
from harpcaller.adapters.csapi.queries import CONSUMERS
from harpcaller.adapters.csapi.queries import MAX_WAIT_S as MAX_SERVICE_WAIT_S
from harpcaller.adapters.csapi.service import KEYS as SERVICE_KEYS
from harpcaller.adapters.csapi.settings import ERRORCODES, KEYS, SCHEMES, SYNC_WAIT_S
from harpcaller.gateway.credentials import CHALLENGE
from harpcaller.gateway.errors import STATUSES
from harpcaller.gateway.framing import MAX_HEAD_BYTES, MAX_TARGET_BYTES
from harpcaller.gateway.lists import MAX_PAGE_LENGTH, PAGE_LENGTH
from harpcaller.gateway.native import MAX_PAGE_PACKETS, MAX_WAIT_S
from harpcaller.gateway.rules import MAX_BODY_BYTES, MAX_FOLLOWERS

PAGE = MAN / "harpcaller-http.7"
# Adapters that have no page of their own.
ADAPTED: Table = {**ON, "adapters.csapi.sync_wait_s": SYNC_WAIT_S}


@pytest.fixture(name="served", scope="module")
def fixture_served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[set[str]]:
    """Return what a daemon says of itself: methods and paths, HEAD left out."""
    with (
        running_daemon(tmp_path_factory.mktemp("manual"), settings=ADAPTED) as daemon,
        web_client(daemon) as web,
    ):
        paths = web.get("/openapi.json").value["paths"]
        yield {
            f"{method.upper()} {path}"
            for path, methods in paths.items()
            for method in methods
            if method != "head"
        }


def test_every_path_is_in_the_manual_and_the_reverse(served: set[str]) -> None:
    """A page that tells of less, or more, is believed once."""
    told = re.findall(r"^\.It Cm (\S+) Pa (\S+)$", PAGE.read_text(), re.MULTILINE)

    assert {f"{method} {path}" for method, path in told} == served
    assert len(told) == len(served)


def test_every_error_type_has_its_status_in_the_manual() -> None:
    """Clients go by either."""
    section = section_of(PAGE, "WHEN IT GOES WRONG")
    told = {
        word: int(status)
        for status, words in re.findall(
            r"^\.It (\d{3})\n\.Cm (.+)$", section, re.MULTILINE
        )
        for word in words.replace(",", " ").split()
    }

    assert told == {type_.value: status for type_, status in STATUSES.items()}
    assert "WWW-Authenticate" in section
    assert CHALLENGE.startswith("Bearer ")


def test_every_bound_in_the_manual_is_the_bound() -> None:
    """They are what clients are built to."""
    text = " ".join(PAGE.read_text().split())

    for bound in (MAX_HEAD_BYTES, MAX_TARGET_BYTES, MAX_BODY_BYTES):
        assert f" {bound}" in text
    assert f"follows {MAX_FOLLOWERS} streams" in text
    assert f"from 1 to {MAX_PAGE_LENGTH}, {PAGE_LENGTH} if not given" in text
    assert f"which is {MAX_PAGE_PACKETS} if not given" in text
    assert f"to {MAX_WAIT_S}." in text


def test_the_example_of_the_page_is_that_of_the_wire() -> None:
    """The first line of a stream is what browsers wait by."""
    assert "retry: 3000" in section_of(PAGE, "STREAMS")


def test_every_setting_of_services_is_in_the_manual_and_the_reverse() -> None:
    """An operator looks there first."""
    section = section_of(PAGE, "Settings of services")
    told = re.findall(r"^\.It Ic (\w+)$", section, re.MULTILINE)

    assert sorted(told) == sorted([*KEYS, *SERVICE_KEYS])
    assert f"Default {SYNC_WAIT_S:g}." in section
    for word in (*SCHEMES, *(f"{name} = {code}" for name, code in ERRORCODES.items())):
        assert word in section


def test_what_a_service_is_given_and_asked_is_in_the_manual() -> None:
    """With the words of the wire."""
    types = re.findall(
        r"^\.It Ql (\w+)$", section_of(PAGE, "Invocations"), re.MULTILINE
    )
    paths = section_of(PAGE, "Paths of services")

    assert types == [*TYPES]
    assert f"up to {MAX_SERVICE_WAIT_S}." in " ".join(paths.split())
    for name in CONSUMERS:
        assert f".Li {name}\n" in paths
