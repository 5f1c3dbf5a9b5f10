"""`[adapters.harmony]`, bindings and variables: what is wrong is told all at once."""

from __future__ import annotations

from typing import Any

import pytest
from harmony_corpus import corpus_table, load_problems, settings

from harpcaller.adapters.adapter import Problem
from harpcaller.adapters.harmony.bindings import (
    Binding,
    Constant,
    Reach,
    find_binding,
)
from harpcaller.adapters.harmony.chains import Chain, Step
from harpcaller.adapters.harmony.extra import PACKAGES, lacking
from harpcaller.adapters.harmony.loading import files
from harpcaller.adapters.harmony.settings import Dialect, NoData
from harpcaller.adapters.harmony.yamltext import BadYaml, read_variables, read_yaml


def test_the_files_are_named_before_they_are_read() -> None:
    """Adapters read nothing themselves."""
    assert files(corpus_table()) == ["services.yml", "bindings.yml", "services.env"]
    assert files({"services": 7}) == []


def test_what_is_not_said_is_settled() -> None:
    """The defaults are those of the manual."""
    loaded = settings()

    assert loaded.dialect is Dialect.SEED
    assert loaded.nodata is NoData.SUCCESS
    assert loaded.ignore_errors
    assert (loaded.retry_limit, loaded.max_errors) == (5, 2000)
    assert (loaded.max_exec_s, loaded.max_failed_percent) == (604800, 75)
    assert (loaded.cancel_probe_s, loaded.max_granules) == (60, 10_000_000)
    assert not loaded.count_locator


def test_only_what_is_offered_needs_a_binding() -> None:
    """A file of seventy services may be used for one of them."""
    loaded = settings(offer=["test/copy"])

    assert list(loaded.chains) == ["test/copy"]


def test_a_binding_is_what_its_line_says() -> None:
    """Hosts may take turns; a method has arguments."""
    chains, loaded = settings().chains, settings()
    method = chains["test/method"]
    http = chains["test/http"]

    assert loaded.binding(method, method.steps[0]) == Binding(
        reach=Reach.METHOD,
        hosts=("worker01",),
        procedure="thumbnail",
        timeout_s=600,
        max_exec_s=600,
        is_shared=False,
        arguments={
            "bbox": "/subset/bbox",
            "width": "/format/width",
            "urls": "@granules",
            "quality": Constant(80),
        },
    )
    bound = loaded.binding(http, http.steps[0])
    assert (bound.reach, bound.url) == (Reach.HTTP, http.url)
    zarr = loaded.bindings["test/zarr"]
    assert (zarr.hosts, zarr.timeout_s) == (("worker01", "worker02"), 60)
    assert (zarr.max_exec_s, zarr.is_flow_declared) == (14400, True)
    with pytest.raises(LookupError):
        loaded.binding(Chain(name="x", minor=4, steps=()), Step(number=1, image="y"))


def test_one_binding_may_fit_all() -> None:
    """The procedure is then named like the image."""
    loaded = settings(
        {
            "bindings.yml": b"""
                '*': {kind: cli, host: w, procedure: 'do-{image}'}
                'test/http#1': {kind: http, host: w, procedure: post}
            """
        },
        offer=["test/copy", "test/http"],
        work_dir="/shared",
    )
    copy, http = loaded.chains.values()

    assert loaded.binding(copy, copy.steps[0]).procedure == "do-copy"
    assert loaded.binding(copy, copy.steps[0]).is_shared
    assert loaded.binding(http, http.steps[0]).url == http.url


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("7", "expected a mapping"),
        ("{host: w, procedure: p}", "kind: expected one of cli, http, method"),
        (
            "{kind: fly, host: w, procedure: p}",
            "kind: expected one of cli, http, method",
        ),
        (
            "{kind: cli, procedure: p}",
            "host: expected the name of a host, or a list of them",
        ),
        ("{kind: cli, host: [1], procedure: p}", "host: expected a list of texts"),
        (
            "{kind: cli, host: '@x', procedure: p}",
            'host: "@x" is an adapter, no worker',
        ),
        ("{kind: cli, host: w}", "procedure: expected a text"),
        (
            "{kind: cli, host: w, procedure: p, max_exec_time: 86401}",
            "max_exec_time: the core allows 86400 seconds at most",
        ),
        (
            "{kind: cli, host: w, procedure: p, timeout: 0}",
            "timeout: expected a number of seconds above 0",
        ),
        (
            "{kind: cli, host: w, procedure: p, shared_dir: true}",
            "shared_dir: there is no work_dir to share",
        ),
        (
            "{kind: cli, host: w, procedure: p, env: {A: 1}}",
            "env: expected a mapping of names to texts",
        ),
        (
            "{kind: cli, host: w, procedure: p, titel: T}",
            'unknown key "titel", did you mean "title"?',
        ),
        ("{kind: cli, host: w, procedure: p, zzz: T}", 'unknown key "zzz"'),
        (
            "{kind: method, host: w, procedure: p, arguments: [x]}",
            'arguments: expected JSON pointers, "@granules", "@items" or {const: ..}',
        ),
        (
            "{kind: method, host: w, procedure: p, arguments: 3}",
            "arguments: expected a mapping",
        ),
    ],
)
def test_a_wrong_binding_is_named_by_its_image(line: str, message: str) -> None:
    """One line of the file is one image."""
    problems = load_problems({"bindings.yml": f"'x/y:1': {line}".encode()}, offer=[])

    assert ("bindings.yml", "x/y:1", message) in problems


def test_the_binding_of_one_step_counts_most() -> None:
    """Then that of its image, and last what fits all."""
    step = Step(number=1, image="test/copy")
    chain = Chain(name="s", minor=22, steps=(step,))
    bindings = {
        key: Binding(reach=Reach.CLI, hosts=("w",), procedure=key)
        for key in ("*", "test/copy", "s#1")
    }

    won = []
    while bindings:
        found = find_binding(bindings, chain, step)
        assert found is not None
        won.append(found.procedure)
        del bindings[found.procedure]

    assert won == ["s#1", "test/copy", "*"]


def test_bindings_are_a_mapping() -> None:
    """No binding at all is legal while nothing is offered."""
    assert settings({"bindings.yml": b""}, offer=[]).bindings == {}
    assert load_problems({"bindings.yml": b"[]"}, offer=[]) == [
        ("bindings.yml", "", "expected a mapping of images to bindings")
    ]


def test_http_needs_somewhere_to_go() -> None:
    """The service's own url is the default."""
    problems = load_problems(
        {"bindings.yml": b"'*': {kind: http, host: w, procedure: p}"},
        offer=["test/copy"],
    )

    assert problems == [
        (
            "services.yml",
            "test/copy: step 1",
            "its binding has no url, nor has the service",
        )
    ]


@pytest.mark.parametrize(
    ("changes", "place", "message"),
    [
        ({"services": None}, "services", "expected a text"),
        ({"environment": None}, "environment", "expected a text"),
        ({"bindings": "gone.yml"}, "bindings", 'there is no file "gone.yml"'),
        ({"offer": ["x"]}, "offer", 'there is no service "x" to offer'),
        (
            {"work_dir": "run"},
            "work_dir",
            "expected an absolute path: workers know it by the same",
        ),
        (
            {"callback_allow": ["example.com"]},
            "callback_allow",
            '"example.com" is no scheme ("s3:") and no origin',
        ),
        (
            {"granule_allow": ["http://a?b"]},
            "granule_allow",
            '"http://a?b" has more than an origin and a path',
        ),
        (
            {"dialect": "x"},
            "dialect",
            "expected one of seed, item-status, harmony-now, none",
        ),
        ({"retry_limit": -1}, "retry_limit", "expected a whole number of at least 0"),
        (
            {"max_exec_time_s": True},
            "max_exec_time_s",
            "expected a number of seconds above 0",
        ),
        ({"href_map": {"/a": 1}}, "href_map./a", "expected a text"),
        ({"href_map": 1}, "href_map", "expected a mapping"),
        (
            {"retry_limt": 1},
            "retry_limt",
            'unknown key "retry_limt", did you mean "retry_limit"?',
        ),
        ({"ignore_errors": 3}, "ignore_errors", "expected true or false"),
    ],
)
def test_a_wrong_key_is_named(
    changes: dict[str, Any], place: str, message: str
) -> None:
    """Its place is the key of the table."""
    assert (None, place, message) in load_problems(**changes)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("services.yml", b"a: [", "no YAML at line 1: "),
        ("services.yml", b"a: !Path x", "no YAML at line 1: could not determine"),
        ("bindings.yml", b"\xff", "no YAML: ReaderError"),
        ("services.env", b"A=1\nB", "line 2: expected NAME=value"),
        ("services.env", b"=1", "line 1: expected NAME=value"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    name: str, text: bytes, message: str
) -> None:
    """The line is what its writer needs."""
    problems = load_problems({name: text}, offer=[])

    assert [
        (file, told[: len(message)]) for file, _, told in problems if file == name
    ] == [(name, message)]


def test_env_fills_in_variables() -> None:
    """What becomes a whole number is one; what is not set is empty."""
    text = b"[!Env '${A}', !Env 'a ${B}${C}', !Env '${C}', 2020-01-01]"

    assert read_yaml(text, {"A": "-12", "B": "b"}) == [-12, "a b", "", "2020-01-01"]
    with pytest.raises(BadYaml):
        read_yaml(b"- !Env [a]", {})


def test_variables_may_stay_unset() -> None:
    """A file without `!Env` needs no file of them."""
    loaded = settings(env_file=None, offer=["test/copy"])

    assert "STAGING_BUCKET" in loaded.chains["test/copy"].env
    assert loaded.chains["test/copy"].env["STAGING_BUCKET"] == ""


def test_variables_are_lines() -> None:
    """Quotes are for the shells that read the same file."""
    text = '# all\n\nexport A=\'1 2\'\nB = "x"\nC="\nD=a=b\n'

    assert read_variables(text) == {"A": "1 2", "B": "x", "C": '"', "D": "a=b"}


def test_without_the_extra_the_start_is_refused_with_a_sentence() -> None:
    """A traceback of an import would name the wrong culprit."""
    problems = lacking(["json", "no_such_package"])

    message = "needs no_such_package: pip install 'harpcaller[harmony]'"
    assert problems == [Problem(place="", message=message)]
    assert lacking(PACKAGES) == []
