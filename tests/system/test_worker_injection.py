"""Values that mean harm reach an executable exactly, or are refused by their type."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from executables import call, program, running_executables
from harp_peer import a_call, connect, outcome_of, read_all
from harpd_process import Harpd

from protocol.jsontext import decode
from protocol.outcome import Failed, Returned

# The words as the kernel gave them, what was read, and who executed the program.
REPORT = """
    import json, os, sys
    words = [os.fsencode(word).decode() for word in sys.argv[1:]]
    with open("/proc/%d/comm" % os.getppid()) as parent:
        seen = [words, json.load(sys.stdin), parent.read().strip()]
    sys.stdout.buffer.write(json.dumps(seen, ensure_ascii=False).encode())
"""
LONGEST = 128 * 1024 - 1
REFUSED = "invalid_argument_list"
CANARY = "CANARY"
"""In values this becomes the path of a file that only a shell would make."""

PLACES: dict[str, tuple[list[str], str]] = {
    "word": (["{v}"], ""),
    "behind": (["--", "{v}"], ""),
    "glued": (["--v={v}"], ""),
    "inside": (["a{v}b"], ""),
    "dash": (["{v}"], "allow_dash = true"),
    "each": (["{v}"], 'type = "list", of = "string"'),
    "stdin": ([], ""),
}
TYPES: dict[str, str] = {
    "integer": 'type = "integer"',
    "number": 'type = "number"',
    "boolean": 'type = "boolean"',
    "choice": 'type = "choice", choices = ["a", "-b", "$(touch CANARY)"]',
    "path": 'type = "path", root = "ROOT"',
    "paths": 'type = "list", of = { type = "path", root = "ROOT" }',
    "integers": 'type = "list", of = { type = "integer", minimum = 0 }',
}
ANYWHERE = frozenset(PLACES)
NO_OPTION = ANYWHERE - {"word", "each"}
NO_WORD = frozenset({"stdin"})
ALONE = ANYWHERE - {"glued", "inside"}
NOWHERE = frozenset[str]()

STRINGS: dict[str, tuple[Any, frozenset[str]]] = {
    "a plain word": ("plain", ANYWHERE),
    "nothing": ("", ANYWHERE),
    "a command behind a semicolon": ("; touch CANARY", ANYWHERE),
    "rm behind a semicolon": ("; rm -rf /", ANYWHERE),
    "a command behind an ampersand": ("x & touch CANARY", ANYWHERE),
    "a command behind two": ("x && touch CANARY", ANYWHERE),
    "a command behind two bars": ("x || touch CANARY", ANYWHERE),
    "a pipe": ("x | tee CANARY", ANYWHERE),
    "a redirection": ("x > CANARY", ANYWHERE),
    "a substitution": ("$(touch CANARY)", ANYWHERE),
    "backticks": ("`touch CANARY`", ANYWHERE),
    "a process substitution": ("<(touch CANARY)", ANYWHERE),
    "a variable": ("$HOME ${PATH} $$ $0 $IFS", ANYWHERE),
    "a command on the next line": ("x\ntouch CANARY\n", ANYWHERE),
    "a command after a carriage return": ("x\rtouch CANARY\r\n", ANYWHERE),
    "a tab": ("a\tb", ANYWHERE),
    "blanks": ("  a  b  ", ANYWHERE),
    "a lone single quote": ("'", ANYWHERE),
    "a lone double quote": ('"', ANYWHERE),
    "closed quotes": ("'; touch CANARY; '", ANYWHERE),
    "closed double quotes": ('"; touch CANARY; "', ANYWHERE),
    "a backslash": ("\\", ANYWHERE),
    "backslashes": ("\\n\\0\\x41\\u0041\\g<0>\\1", ANYWHERE),
    "our own place": ("{v}", ANYWHERE),
    "another place": ("{w}{}{0}{v!r}", ANYWHERE),
    "a format": ("%s%n%d%%", ANYWHERE),
    "a glob": ("*?[a-z]{a,b}", ANYWHERE),
    "a home": ("~root", ANYWHERE),
    "a comment": ("# x", ANYWHERE),
    "a history": ("!!", ANYWHERE),
    "an assignment": ("LD_PRELOAD=/tmp/x.so", ANYWHERE),
    "an equals sign": ("=", ANYWHERE),
    "a file of options": ("@/etc/passwd", ANYWHERE),
    "a path with dots": ("../../../etc/passwd", ANYWHERE),
    "JSON": ('{"v":"x"}\n{"v":"y"}', ANYWHERE),
    "an umlaut": ("ä", ANYWHERE),
    "a combined umlaut": ("a\u0308", ANYWHERE),
    "an emoji": ("👩‍👩‍👧🏽", ANYWHERE),
    "right to left": ("\u202egnp.exe", ANYWHERE),
    "a line separator": ("a\u2028b\u2029c\u0085d", ANYWHERE),
    "a byte order mark": ("\ufeffx", ANYWHERE),
    "a dash that is none": ("\u2010x\u2212y\uff0dz", ANYWHERE),
    "no characters": ("\ufffe\uffff\U0010ffff", ANYWHERE),
    "an escape sequence": ("\x1b[2J\x07\x7f\x01", ANYWHERE),
    "a long option": ("--opt", NO_OPTION),
    "a long option with a value": ("--output=CANARY", NO_OPTION),
    "a short option": ("-x", NO_OPTION),
    "a dash": ("-", NO_OPTION),
    "the end of options": ("--", NO_OPTION),
    "a negative number": ("-1", NO_OPTION),
    "a NUL": ("a\0b", NO_WORD),
    "a NUL alone": ("\0", NO_WORD),
    "the longest word": ("x" * LONGEST, ALONE),
    "one byte more": ("x" * (LONGEST + 1), NO_WORD),
    "as many letters of two bytes": ("é" * LONGEST, NO_WORD),
    "a mebibyte": ("$(touch CANARY)" + "x" * 2**20, NO_WORD),
    "a number": (1, NOWHERE),
    "a huge integer": (10**4000, NOWHERE),
    "a large number": (1e308, NOWHERE),
    "true": (True, NOWHERE),
    "null": (None, NOWHERE),
    "a list": (["x"], NOWHERE),
    "a list of lists": ([["-x"]], NOWHERE),
    "an object": ({"v": "-x"}, NOWHERE),
}

TYPED: list[tuple[str, Any, list[str] | None]] = [
    ("integer", -1, ["-1"]),
    ("integer", 10**4000, [f"1{'0' * 4000}"]),
    ("integer", 1.0, None),
    ("integer", 1e308, None),
    ("integer", "1", None),
    ("integer", "1; touch CANARY", None),
    ("integer", True, None),
    ("integer", None, None),
    ("integer", [1], None),
    ("number", 1e308, ["1e+308"]),
    ("number", -1.5, ["-1.5"]),
    ("number", 10**4000, [f"1{'0' * 4000}"]),
    ("number", "NaN", None),
    ("number", True, None),
    ("boolean", True, ["true"]),
    ("boolean", 1, None),
    ("boolean", "true; touch CANARY", None),
    ("choice", "a", ["a"]),
    ("choice", "-b", ["-b"]),
    ("choice", "$(touch CANARY)", ["$(touch CANARY)"]),
    ("choice", "a; touch CANARY", None),
    ("choice", "a\n", None),
    ("choice", "", None),
    ("path", "file", ["ROOT/file"]),
    ("path", "-rf", ["ROOT/-rf"]),
    ("path", "$(touch CANARY)", ["ROOT/$(touch CANARY)"]),
    ("path", "~", ["ROOT/~"]),
    ("path", "", ["ROOT"]),
    ("path", "ROOT/file", ["ROOT/file"]),
    ("path", "inner/x", ["ROOT/folder/x"]),
    ("path", "..", None),
    ("path", "folder/../../x", None),
    ("path", "/etc/passwd", None),
    ("path", "ROOT-beside/x", None),
    ("path", "outer", None),
    ("path", "outer/x", None),
    ("path", "file\0", None),
    ("path", "x/" * 2**19, None),
    ("paths", ["file", "inner"], ["ROOT/file", "ROOT/folder"]),
    ("paths", ["file", "outer"], None),
    ("paths", "file", None),
    ("integers", [0, 2**64], ["0", str(2**64)]),
    ("integers", [0, -1], None),
    ("integers", [["0"]], None),
]


def table(name: str, words: list[str], keys: str) -> str:
    """Return a [[procedure]] that reports what it is given."""
    argument = ", ".join(filter(None, ['name = "v"', keys]))
    return f"""
[[procedure]]
name = "{name}"
{program(REPORT, *words)}
arguments = [{{ {argument} }}]
result = "last-line"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the worker, with a root for paths and links in it."""
    folder = tmp_path_factory.mktemp("harpd").resolve()
    (folder / "root" / "folder").mkdir(parents=True)
    (folder / "root" / "inner").symlink_to("folder")
    (folder / "root" / "outer").symlink_to("/etc")
    return folder


@pytest.fixture(scope="module")
def harpd(folder: Path) -> Iterator[Harpd]:
    """Run one worker; whatever was called, no shell ran anything of it."""
    config = "".join(
        [table(name, words, keys) for name, (words, keys) in PLACES.items()]
        + [table(name, ["{v}"], keys) for name, keys in TYPES.items()]
    )
    scripts = {"any.py": REPORT}
    with running_executables(folder, placed(config, folder), scripts) as worker:
        yield worker
    assert not (folder / CANARY).exists()


def placed(value: Any, folder: Path) -> Any:
    """Return `value` with the names of files in it that are real."""
    if isinstance(value, list):
        return [placed(one, folder) for one in value]
    if not isinstance(value, str):
        return value
    named = value.replace("ROOT", f"{folder}/root")
    return named.replace(CANARY, f"{folder}/{CANARY}")


def reported(report: Any) -> Any:
    """Return the words and the document that a program had; our own ran it."""
    words, document, parent = report
    assert parent.startswith("python")
    return words, document


async def tell(worker: Harpd, procedure: str, value: Any) -> Any:
    """Return what a call with one argument made of it."""
    given = [value] if procedure == "each" else value
    _, outcome = await call(worker, procedure, v=given)
    if isinstance(outcome, Failed):
        return outcome.type
    assert isinstance(outcome, Returned), outcome
    return reported(decode(outcome.value))


@pytest.mark.parametrize("name", STRINGS)
async def test_a_string_reaches_the_program_exactly_or_is_refused(
    harpd: Harpd, folder: Path, name: str
) -> None:
    """In every place of a command line, and on the standard input, byte by byte."""
    raw, takes = STRINGS[name]
    value = placed(raw, folder)
    expected: dict[str, Any] = {}
    for place, (words, _) in PLACES.items():
        document = {"v": [value] if place == "each" else value}
        given = [word.replace("{v}", str(value)) for word in words]
        expected[place] = (given, document) if place in takes else REFUSED

    got = {place: await tell(harpd, place, value) for place in PLACES}

    assert got == expected


@pytest.mark.parametrize(("kind", "raw", "words"), TYPED)
async def test_a_value_of_a_type_is_that_or_is_refused(
    harpd: Harpd, folder: Path, kind: str, raw: Any, words: list[str] | None
) -> None:
    """Numbers as in JSON, paths as the true ones; nothing is made to fit."""
    value = placed(raw, folder)

    got = await tell(harpd, kind, value)

    if words is None:
        assert got == REFUSED
        return
    given, document = got
    assert given == placed(words, folder)
    if kind == "path":
        value = given[0]
    assert document == {"v": given if kind == "paths" else value}


async def test_a_file_of_the_folder_has_no_words_whatever_is_given(
    harpd: Harpd, folder: Path
) -> None:
    """All strings at once, as a list and as names."""
    values = [placed(value, folder) for value, _ in STRINGS.values()]
    names = {value: value for value in values if isinstance(value, str)}

    [by_place], _ = await call(harpd, "any", *values)
    [by_name], _ = await call(harpd, "any", **names)

    assert reported(by_place) == ([], values)
    assert reported(by_name) == ([], names)


RAW: dict[bytes, str] = {
    b'{"v":"x","v":"-rf"}': REFUSED,
    b'{"v":"x","w":"y"}': REFUSED,
    b'{"V":"x"}': REFUSED,
    b'{"v":"x","__class__":"y"}': REFUSED,
    b'{"v; touch CANARY":"x"}': REFUSED,
    b"{}": REFUSED,
    b'["x","--opt"]': REFUSED,
    b'["-x"]': REFUSED,
    b'"x"': "invalid_request",
    b'{"v":"\\ud800"}': "parse_error",
    b'{"v":"\xff"}': "parse_error",
    b'{"v":NaN}': "parse_error",
    b'{"v":1e999}': "parse_error",
    b"[" * 200 + b"]" * 200: "parse_error",
}


@pytest.mark.parametrize("arguments", RAW)
async def test_arguments_that_fit_nothing_are_refused(
    harpd: Harpd, arguments: bytes
) -> None:
    """Of a key that is there twice the last one counts, and is looked at."""
    line = a_call("word").replace(b"[]", arguments)

    async with connect(harpd.path) as stream:
        await stream.send_all(line)
        said = await read_all(stream)

    assert said.startswith(b'{"harp":1,"error":{"type":"%b"' % RAW[arguments].encode())


@pytest.mark.parametrize(
    "name",
    ["", "/bin/sh", "any.py", "../procedures.d/any", "any; id", "any\0", "Word", "{v}"],
)
async def test_a_name_that_is_none_of_ours_finds_nothing(
    harpd: Harpd, name: str
) -> None:
    """It is looked up among the names; no file is looked for."""
    _, outcome = await call(harpd, name, v="x")

    assert isinstance(outcome, Failed)
    assert outcome.type == "no_such_procedure"


async def test_more_words_than_linux_takes_are_refused(harpd: Harpd) -> None:
    """Each of them may be, but not all: nothing is cut off."""
    async with connect(harpd.path) as stream:
        line = a_call("each", ["x" * LONGEST] * 30)
        outcome = await outcome_of(stream, line)

    assert isinstance(outcome, Failed)
    assert outcome.type == "procedure_loading_error"
    assert outcome.message.startswith("Argument list too long")
