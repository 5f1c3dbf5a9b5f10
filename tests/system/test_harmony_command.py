"""`harp-harmony plan`, on files: the acceptance cases of messages and plans."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from harmony_command import Planning
from harmony_corpus import CORPUS, corpus_json, operation


@pytest.fixture
def plan(capsys: pytest.CaptureFixture[str]) -> Planning:
    """Return what plans."""
    return Planning(capsys)


def refusal(planned: tuple[int, list[Any]]) -> tuple[str, int, str, list[str]]:
    """Return code, status, text and pointers of a refusal, the only line."""
    code, ((line),) = planned
    assert code == 1
    refused = line["refused"]
    pointers = [detail["pointer"] for detail in refused["details"]]
    return refused["code"], refused["status"], refused["message"], pointers


@pytest.mark.parametrize("version", ["4", "10", "22"])
def test_valid_messages_make_one_call_each(plan: Planning, version: str) -> None:
    """H-1."""
    path = CORPUS / f"messages/valid-operation-v0.{version}.0.json"

    code, lines = plan("test/copy", path, "--intake", "http")

    assert code == 0
    assert [line["key"] for line in lines if "key" in line] == ["s1.b0/a0"]
    assert lines[0]["plan"]["mode"] == "sync"


@pytest.mark.parametrize(
    ("name", "version", "pointers"),
    [
        ("valid-operation-v0.10.0.json", "0.9.0", {"/format/srs"}),
        (
            "valid-operation-v0.22.0.json",
            "0.21.0",
            {"/sources/0/visualizations", "/sources/0/variables/0/visualizations"},
        ),
        ("invalid-operation-input.json", "0.22.0", {"/subset/bbox", "/accessToken"}),
    ],
)
def test_fields_of_another_version_are_named(
    plan: Planning, name: str, version: str, pointers: set[str]
) -> None:
    """H-1, H-2."""
    relabelled = operation(name, version=version)

    code, status, text, places = refusal(
        plan("test/copy", relabelled, "--intake", "http")
    )

    assert (code, status, set(places)) == ("E4", 400, pointers)
    assert text.startswith("Invalid message at ")


def test_versions_are_looked_at_first(plan: Planning) -> None:
    """H-2, H-3."""
    unversioned = CORPUS / "messages/invalid-operation-input.json"
    newer = operation("async-2.json", version="0.23.0", shiny=1)

    assert refusal(plan("test/copy", unversioned))[0] == "E3"
    assert plan("test/copy", newer)[1][0]["plan"]["warnings"] == [
        "message: /shiny is not known in this version"
    ]
    for version in ("0.3.0", "1.0.0", "0.22", 22):
        assert (
            refusal(plan("test/copy", operation("async-2.json", version=version)))[0]
            == "E3"
        )
    null = operation("async-2.json") | {"subset": None}
    assert refusal(plan("test/copy", null))[0] == "E4"


@pytest.mark.parametrize(
    ("text", "place"),
    [('{"a": 1,\n"a": 2}', "line 2 column 1"), ('{"a": NaN}', "line 1 column 7")],
)
def test_text_that_is_no_json_is_refused(plan: Planning, text: str, place: str) -> None:
    """H-3."""
    assert refusal(plan("test/copy", text)) == (
        "E1",
        400,
        f"Message is not valid JSON: {place}",
        [],
    )


def test_a_catalog_of_then_is_read(plan: Planning) -> None:
    """H-10: and passed on by its documents, where no directory is shared."""
    code, lines = plan(
        "test/copy",
        CORPUS / "messages/example_message.json",
        "--harmony-sources",
        str(CORPUS / "catalogs/beta2/catalog0.json"),
    )

    assert code == 0
    assert lines[0]["plan"]["granules"] == 1
    files = lines[1]["call"]["arguments"]["sources"]["files"]
    assert len(files["item0.json"]["assets"]) == 2
    assert files["catalog.json"]["links"][0]["href"].endswith("C1233800302-EEDTEST")


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"requestId": "../../x"}, ("E5", 400)),
        ({"callback": "http://169.254.169.254/"}, ("E7", 403)),
        ({"sources": []}, ("E8", 400)),
    ],
)
def test_bad_input_is_refused_with_its_code(
    plan: Planning, changes: dict[str, Any], answer: tuple[str, int]
) -> None:
    """H-13: no call is planned."""
    refused = refusal(plan("test/copy", operation("async-2.json") | changes))

    assert refused[:2] == answer


def test_sources_may_override_the_message(plan: Planning, tmp_path: Path) -> None:
    """H-13: `file:///etc/hostname` as a granule is refused there too."""
    override = tmp_path / "sources.json"
    fields = operation("async-2.json")["sources"]
    fields[0]["granules"][0]["url"] = "file:///etc/hostname"
    override.write_text(json.dumps({"sources": fields}))

    code, _, text, _ = refusal(
        plan("test/copy", operation("async-2.json"), "--harmony-sources", str(override))
    )

    assert (code, text) == ("E9", "Granule URL is not allowed: file:")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "c.json: No such file or directory"),
        ("{", "c.json is no JSON"),
        ("[]", "it is neither a STAC catalog nor an object"),
        ('"c.json"', "it is neither a STAC catalog nor an object"),
        (" " * (4 * 2**20 + 1), "c.json is larger than 4194304 bytes"),
    ],
)
def test_sources_that_cannot_be_read_are_refused(
    plan: Planning, tmp_path: Path, text: str | None, reason: str
) -> None:
    """E15: the file is named, its folder is not."""
    if text is not None:
        (tmp_path / "c.json").write_text(text)

    answer = refusal(
        plan(
            "test/copy",
            operation("async-2.json"),
            "--harmony-sources",
            str(tmp_path / "c.json"),
        )
    )

    assert answer == ("E15", 400, f"Cannot read input catalog: {reason}", [])


def test_only_files_of_this_machine_are_read(plan: Planning, tmp_path: Path) -> None:
    """A plan sends nothing."""
    catalog = corpus_json("own/catalogs/two-granules/catalog.json")
    catalog["links"][1]["href"] = "https://h/item.json"
    (tmp_path / "c.json").write_text(json.dumps(catalog))
    sources = ("--harmony-sources", str(tmp_path / "c.json"))

    answer = refusal(plan("test/copy", operation("async-2.json"), *sources))

    assert answer[0] == "E15"
    assert answer[2].endswith("only files of this machine are read here")


def test_a_bundle_may_be_a_file(plan: Planning, tmp_path: Path) -> None:
    """It is passed on as it is."""
    bundle = corpus_json("own/outcomes/async-2.s1.b0.json")["result"]["stac"]
    (tmp_path / "b.json").write_text(json.dumps(bundle))
    sources = ("--harmony-sources", str(tmp_path / "b.json"))

    _, lines = plan("test/copy", operation("async-2.json"), *sources)

    assert lines[-1]["call"]["arguments"]["sources"] == bundle


def test_a_message_that_is_not_there_is_a_usage_error(
    plan: Planning, tmp_path: Path
) -> None:
    """It is no message that could be refused."""
    assert plan("test/copy", tmp_path / "gone.json") == (2, [])
