"""The words of an executable's command line, filled with what a caller gave."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harpcaller.worker.kinds.arguments import MAX_WORD_BYTES, Argument, Kind, bind
from harpcaller.worker.kinds.template import check_template, fill
from protocol.harp_worker import Refused

TEXT = Argument(name="text", kind=Kind.STRING, is_required=False)
OTHER = Argument(name="other", kind=Kind.STRING, is_required=False)
DASH = Argument(name="dash", kind=Kind.STRING, is_required=False, allow_dash=True)
COUNT = Argument(name="count", kind=Kind.INTEGER, is_required=False)
SHARE = Argument(name="share", kind=Kind.NUMBER, is_required=False)
FORCE = Argument(name="force", kind=Kind.BOOLEAN, is_required=False)
MODE = Argument(
    name="mode", kind=Kind.CHOICE, is_required=False, choices=("-v", "", "x")
)
WORDS = Argument(
    name="words",
    kind=Kind.LIST,
    is_required=False,
    of=Argument(name="words", kind=Kind.STRING),
)
FREE = Argument(
    name="free",
    kind=Kind.LIST,
    is_required=False,
    of=Argument(name="free", kind=Kind.STRING, allow_dash=True),
)
ANY = Argument(name="any", kind=Kind.JSON, is_required=False)
ANYS = Argument(name="anys", kind=Kind.LIST, is_required=False, of=ANY)
ALL = [TEXT, OTHER, DASH, COUNT, SHARE, FORCE, MODE, WORDS, FREE, ANY, ANYS]


def filled(*words: str, **values: Any) -> list[str]:
    """Return the words behind the program."""
    argv = ["program", *words]
    check_template(argv, ALL)
    program, *others = fill(argv, ALL, bind(ALL, values))
    assert program == "program"
    return others


FILLED: list[tuple[list[str], dict[str, Any], list[str]]] = [
    (["-x", "--", "plain"], {}, ["-x", "--", "plain"]),
    (["{text}"], {"text": "a b"}, ["a b"]),
    (["{text}"], {"text": ""}, [""]),
    (["--text={text}"], {"text": "-x"}, ["--text=-x"]),
    (["--text={text}"], {"text": ""}, ["--text="]),
    (["-t", "{text}"], {"text": "a"}, ["-t", "a"]),
    (["{text}{other}"], {"text": "a", "other": "-b"}, ["a-b"]),
    (["{text}:{text}"], {"text": "a"}, ["a:a"]),
    (["{text}{count}"], {"text": "", "count": 1}, ["1"]),
    (["x{text}y{count}z"], {"text": "-", "count": -2}, ["x-y-2z"]),
    (["{count}", "{share}"], {"count": -1, "share": -0.5}, ["-1", "-0.5"]),
    (["{share}"], {"share": 3}, ["3"]),
    (["{force}"], {"force": False}, ["false"]),
    (["{mode}"], {"mode": "-v"}, ["-v"]),
    (["{dash}"], {"dash": "-x"}, ["-x"]),
    (["{words}"], {"words": ["a", "", "b c"]}, ["a", "", "b c"]),
    (["{words}"], {"words": []}, []),
    (["a", "{words}", "b"], {"words": ["x", "x"]}, ["a", "x", "x", "b"]),
    (["{free}"], {"free": ["-x"]}, ["-x"]),
    (
        ["{ text }", "{}", "{1}", "{a-b}", "{"],
        {},
        ["{ text }", "{}", "{1}", "{a-b}", "{"],
    ),
    (["{{text}}"], {"text": "a"}, ["{a}"]),
]


@pytest.mark.parametrize(("words", "values", "expected"), FILLED)
def test_a_template_is_filled(
    words: list[str], values: dict[str, Any], expected: list[str]
) -> None:
    """A word stays one word, whatever is put into it."""
    assert filled(*words, **values) == expected


@given(st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"])))
def test_any_text_is_one_word_and_itself(text: str) -> None:
    """Also one that looks like a template, a pattern or a replacement."""
    assert filled("-t", "={text}=", "--", "{text}", text=text) == [
        *("-t", f"={text}="),
        *("--", text),
    ]


@pytest.mark.parametrize("text", ["{other}", "{text}", "\\1", "\\g<0>", "%s", "{0}"])
def test_what_looks_like_a_template_is_not_filled_again(text: str) -> None:
    """Else a caller could have other arguments where the operator has not put them."""
    assert filled("{text}", "x{text}", text=text, other="secret") == [text, f"x{text}"]


LEFT_OUT: list[tuple[list[str], dict[str, Any], list[str]]] = [
    (["{text}"], {}, []),
    (["--text={text}", "x"], {}, ["x"]),
    (["{text}{other}"], {"text": "a"}, []),
    (["{text}{other}"], {"other": "-b"}, []),
    (["{words}", "{count}"], {"count": 0}, ["0"]),
]


@pytest.mark.parametrize(("words", "values", "expected"), LEFT_OUT)
def test_a_word_without_its_argument_is_left_out(
    words: list[str], values: dict[str, Any], expected: list[str]
) -> None:
    """Whole: half an option would be another one."""
    assert filled(*words, **values) == expected


OPTIONS: list[tuple[list[str], dict[str, Any]]] = [
    (["{text}"], {"text": "-"}),
    (["{text}"], {"text": "--"}),
    (["{text}"], {"text": "--opt=x"}),
    (["{text}", "--", "x"], {"text": "-x"}),
    (["{text}.txt"], {"text": "-x"}),
    (["{text}{other}"], {"text": "-x", "other": ""}),
    (["{text}{other}"], {"text": "", "other": "-x"}),
    (["{dash}{text}"], {"dash": "", "text": "-x"}),
    (["{mode}{text}"], {"mode": "", "text": "-x"}),
    (["{words}"], {"words": ["a", "-x"]}),
    (["{dash}", "{text}"], {"dash": "--", "text": "-x"}),
]


@pytest.mark.parametrize(("words", "values"), OPTIONS)
def test_what_could_be_an_option_is_refused(
    words: list[str], values: dict[str, Any]
) -> None:
    """Only a "--" of the operator ends options: a caller's does not."""
    with pytest.raises(Refused, match='expected no "-" at the beginning') as caught:
        filled(*words, **values)

    assert caught.value.type == "invalid_argument_list"


BEHIND: list[tuple[list[str], dict[str, Any], list[str]]] = [
    (["--", "{text}"], {"text": "-x"}, ["--", "-x"]),
    (["-a", "--", "b", "{text}"], {"text": "--"}, ["-a", "--", "b", "--"]),
    (["--", "{words}"], {"words": ["-x", "-y"]}, ["--", "-x", "-y"]),
    (["{dash}{text}"], {"dash": "-", "text": "-x"}, ["--x"]),
    (["-{text}"], {"text": "-x"}, ["--x"]),
]


@pytest.mark.parametrize(("words", "values", "expected"), BEHIND)
def test_where_no_option_can_be_nothing_is_refused(
    words: list[str], values: dict[str, Any], expected: list[str]
) -> None:
    """Behind "--", inside of a word, or where the operator allows it."""
    assert filled(*words, **values) == expected


@pytest.mark.parametrize("before", ["", "--text="])
@pytest.mark.parametrize("letter", ["x", "é", "🎵"])
def test_a_word_is_as_long_as_linux_takes(before: str, letter: str) -> None:
    """Counted in bytes, with what the template puts before."""
    room = MAX_WORD_BYTES - len(before)
    size = len(letter.encode())
    text = letter * (room // size) + "x" * (room % size)

    assert filled(before + "{text}", text=text) == [before + text]

    with pytest.raises(Refused, match='"text": expected at most 131071 bytes'):
        filled(before + "{text}", text=f"{text}x")


def test_each_word_of_a_list_has_the_length() -> None:
    """The list may be longer: it is many words."""
    longest = "x" * MAX_WORD_BYTES

    assert filled("{words}", words=[longest] * 2) == [longest] * 2

    with pytest.raises(Refused, match='"words": expected at most 131071 bytes'):
        filled("{words}", words=["x", f"{longest}x"])


MISTAKES: dict[str, list[str]] = {
    "argv: the program has to be named, by no argument": [],
    "argv: the program has to be named, by no argument ": ["{text}"],
    "argv: the program has to be named, by no argument  ": ["/bin/{text}"],
    "argv: the program has to be named, by no argument   ": [""],
    'argv: there is no argument "txet"': ["p", "{txet}"],
    'argv: there is no argument "Text"': ["p", "{text}={Text}"],
    'argv: the list "words" needs a word of its own': ["p", "-w{words}"],
    'argv: the list "free" needs a word of its own': ["p", "{free}{text}"],
    'argv: "any" is for the standard input alone': ["p", "-x{any}"],
    'argv: "anys" is for the standard input alone': ["p", "{anys}"],
    "argv: no word has a NUL": ["p", "a\0b"],
}


@pytest.mark.parametrize("message", MISTAKES)
def test_a_mistake_in_a_template_is_named(message: str) -> None:
    """When harpd starts, not when the first call comes."""
    with pytest.raises(ValueError, match="argv") as caught:
        check_template(MISTAKES[message], ALL)

    assert str(caught.value) == message.rstrip()
