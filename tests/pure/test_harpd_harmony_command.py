"""Command lines, variables and errands of Harmony services."""

from __future__ import annotations

import attrs
import pytest

from harpcaller.worker.harmony.command import (
    INLINE_BYTES,
    Places,
    check_argv,
    check_environment,
    command,
    env_lines,
    fill,
    is_container,
    is_inline,
    variables,
    wants_env_file,
)
from harpcaller.worker.harmony.errand import errand_of
from harpcaller.worker.harmony.settings import (
    HarmonyCli,
    HarmonyHttp,
    InputMode,
    read_cli,
    read_http,
    write_settings,
)
from harpcaller.worker.kinds.arguments import MAX_WORD_BYTES
from protocol.harp import HarpCall
from protocol.harp_worker import Refused
from protocol.job import JobId
from protocol.jsontext import JsonText, decode, encode

KEY = "_THIS_IS_MY_32_CHARS_SECRET_KEY_"
DOCKER = ("/usr/bin/docker", "run", "--name", "{name}", "--env-file", "{env_file}", "x")
SERVICE = HarmonyCli(
    name="subset",
    argv=("python", "-m", "subset"),
    environment=(("STAGING_BUCKET", "b"), ("TEXT_LOGGER", "true")),
    env_allow=("APP_NAME", "HARP_*"),
    secret_key=KEY,
    roots=("/shared",),
)
POSTED = HarmonyHttp(
    name="post",
    data_dir="/data",
    url_allow=("http://h/",),
    secret_key=KEY,
    roots=("/r",),
)
CALL = HarpCall(procedure="subset", arguments=JsonText(b"{}"), user="u", password="p")  # noqa: S106 (a test's)


def test_the_words_are_those_of_the_library() -> None:
    """An unmodified service reads no others."""
    places = Places(
        input_file="/p/input.json",
        sources="/p/in/catalog.json",
        metadata_dir="/out",
        data_location=None,
    )

    words = command(SERVICE.argv, "/p", "{}", places)

    assert words == [
        *("python", "-m", "subset", "--harmony-action", "invoke"),
        *("--harmony-input-file", "/p/input.json"),
        *("--harmony-sources", "/p/in/catalog.json"),
        *("--harmony-metadata-dir", "/out"),
    ]
    inline = attrs.evolve(places, input_file=None, data_location="s3://b/p/")
    assert command(("x",), "/p", '{"a":1}', inline) == [
        *("x", "--harmony-action", "invoke", "--harmony-input", '{"a":1}'),
        *("--harmony-sources", "/p/in/catalog.json"),
        *("--harmony-metadata-dir", "/out", "--harmony-data-location", "s3://b/p/"),
    ]


def test_a_call_has_its_names_in_the_words() -> None:
    """A container is killed by its name, and sees the folder."""
    words = fill(("{name}", "-v", "{private_dir}:{private_dir}", "{env_file}"), "/t/n")

    assert words == ["n", "-v", "/t/n:/t/n", "/t/n/env"]


def test_clients_of_containers_are_known() -> None:
    """To end them does not end what they started."""
    assert is_container(DOCKER)
    assert not is_container(SERVICE.argv)
    assert wants_env_file(DOCKER)
    assert not wants_env_file(SERVICE.argv)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ((), "the program has to be named"),
        (("{name}",), "the program has to be named"),
        (("x", "{unit}"), "there is no {unit}"),
        (("x", "a\0"), "no word has a NUL"),
        (("docker", "run", "x"), "a container needs"),
    ],
)
def test_wrong_words_are_named(argv: tuple[str, ...], said: str) -> None:
    """At the start, not at the first call."""
    with pytest.raises(ValueError, match=f'^"argv": .*{said}'):
        check_argv(argv)


@pytest.mark.parametrize(
    "argv", [DOCKER, ("podman", "run", "--name={name}"), SERVICE.argv]
)
def test_right_words_are_taken(argv: tuple[str, ...]) -> None:
    """A name can be spelled in two ways."""
    check_argv(argv)


def test_the_key_is_no_variable_of_the_configuration() -> None:
    """It would be checked by nobody, and shown to who may read the file."""
    check_environment({"ENV": "uat"})
    with pytest.raises(ValueError, match="secret_key_file"):
        check_environment({"SHARED_SECRET_KEY": KEY})
    with pytest.raises(ValueError, match="nothing is staged"):
        check_environment({"ENV": "dev"})


@pytest.mark.parametrize(
    ("mode", "length", "has_token", "is_word"),
    [
        (InputMode.AUTO, INLINE_BYTES, False, True),
        (InputMode.AUTO, INLINE_BYTES + 1, False, False),
        (InputMode.AUTO, 10, True, False),
        (InputMode.FILE, 10, False, False),
        (InputMode.INLINE, MAX_WORD_BYTES, True, True),
    ],
)
def test_a_message_is_a_word_or_a_file(
    mode: InputMode, length: int, has_token: bool, is_word: bool
) -> None:
    """Bytes are counted, and a token is in no command line unasked."""
    text = JsonText(b"x" * length)

    assert is_inline(mode, text, has_token=has_token) == is_word


def test_a_word_has_an_end() -> None:
    """Linux would take no longer one."""
    text = JsonText(b"x" * (MAX_WORD_BYTES + 1))

    with pytest.raises(Refused, match="message: more than 131071 bytes"):
        is_inline(InputMode.INLINE, text, has_token=False)


def test_the_variables_are_all_that_the_library_needs() -> None:
    """What the operator says wins over ours, what a call may say over that."""
    told = variables(SERVICE, {"APP_NAME": "a", "HARP_X": "1"}, has_token=True)

    assert told == {
        "STAGING_BUCKET": "b",
        "STAGING_PATH": "",
        "TEXT_LOGGER": "true",
        "PYTHONUNBUFFERED": "1",
        "APP_NAME": "a",
        "HARP_X": "1",
        "SHARED_SECRET_KEY": KEY,
    }


def test_without_a_token_there_is_no_key() -> None:
    """The library would try to open what is not closed, and die."""
    assert variables(SERVICE, {}, has_token=False)["SHARED_SECRET_KEY"] == ""


@pytest.mark.parametrize(
    "given",
    [
        {"PATH": "/x"},
        {"SHARED_SECRET_KEY": "x"},
        {"HARP_-": "x"},
        {"APP_NAME": "a\0"},
        {"ENV": "dev"},
    ],
)
def test_other_variables_are_not_for_calls_to_set(given: dict[str, str]) -> None:
    """Even where everything is allowed, some things cannot be."""
    allowed = ("ENV", "SHARED_*", "HARP_*", "APP_NAME")
    service = attrs.evolve(SERVICE, env_allow=allowed)

    with pytest.raises(Refused, match=f'env: "{next(iter(given))}"'):
        variables(service, given, has_token=True)


def test_a_file_of_variables_has_a_line_each() -> None:
    """As docker reads it: there is no way to write a line end."""
    assert env_lines({"A": "b c", "D": ""}) == "A=b c\nD=\n"
    with pytest.raises(Refused, match='env: "A" has a line end'):
        env_lines({"A": "b\nC=d"})


def test_settings_come_to_the_process_of_the_call() -> None:
    """They go there as JSON."""
    for what, read in ((SERVICE, read_cli), (POSTED, read_http)):
        written = encode(write_settings(what))

        assert read(decode(written)) == what
        assert KEY not in repr(what)


def test_each_call_has_names_of_its_own() -> None:
    """Two attempts of a job may meet; the job is named for who looks at containers."""
    service = attrs.evolve(SERVICE, argv=DOCKER, private_dir="/srv/")
    job = attrs.evolve(CALL, job_id=JobId("3f1c3a52-0d6e-4ad2-9bd1-5a7a2f0b8d11"))

    first, second = errand_of(service, job), errand_of(service, job)

    assert first.private_dir != second.private_dir
    assert first.private_dir.startswith("/srv/harp-3f1c3a52-0d6e-4ad2-9bd1")
    name = first.private_dir.removeprefix("/srv/")
    assert first.last_words == ("/usr/bin/docker", "kill", name)
    assert errand_of(SERVICE, CALL).last_words == ()
    assert errand_of(POSTED, CALL).private_dir.startswith("/data/.harp-")


def test_callers_are_told_what_may_be_given() -> None:
    """`describe` lists these procedures, too."""
    described = attrs.evolve(SERVICE, description="d")

    assert described.signature.startswith("(unit: string, ")
    assert "sources: any" in described.signature
    assert POSTED.signature.endswith("url: string)")
    assert (described.doc, POSTED.doc) == ("d", "")
