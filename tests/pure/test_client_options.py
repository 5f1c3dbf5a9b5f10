"""The command line of `harp`, word by word."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harpcaller.client import usage
from harpcaller.client.cli import EXIT_STATUS, READER_LEFT
from harpcaller.client.options import Command, UsageError, read_command


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ([], []),
        (["5", "-5", "-1e2"], [5, -5, -100.0]),
        (["true", "null", '"a"', "[1,2]"], [True, None, "a", [1, 2]]),
        (["web1", "a b", "", "-"], ["web1", "a b", "", "-"]),
        (["01", "NaN", "{"], ["01", "NaN", "{"]),
        (["12345678901234567890123"], [12345678901234567890123]),
        (["name=web", "n=5"], {"name": "web", "n": 5}),
        (["q=a=b", "e="], {"q": "a=b", "e": ""}),
        (["--", "n=5", "--json", "--", "-f"], ["n=5", "--json", "--", "-f"]),
        (["1", "--", "n=5"], [1, "n=5"]),
        (["é=1", "a-b=1", "1=1"], ["é=1", "a-b=1", "1=1"]),
        (["a=1\n2"], {"a": "1\n2"}),
    ],
)  # fmt: skip
def test_values_are_json_where_they_can_be_and_strings_elsewhere(
    words: list[str], arguments: Any
) -> None:
    """What people type most must need no quoting, and "--" must stop all guessing."""
    command = read_command(["call", "web1", "deploy", *words])

    assert command == Command("call", ("web1", "deploy"), arguments, {})


@pytest.mark.parametrize(
    "words",
    [
        ["--server", "h:1", "call", "web1", "count", "5", "-f"],
        ["call", "--server=h:1", "web1", "--follow", "count", "5"],
        ["-f", "call", "web1", "count", "--server", "h:1", "--", "5"],
        ["call", "--server", "h:1", "-f", "--", "web1", "count", "5"],
    ],
)
def test_options_may_stand_anywhere(words: list[str]) -> None:
    """Nobody remembers whether an option comes before or after the verb."""
    options = {"server": "h:1", "follow": True}

    assert read_command(words) == Command("call", ("web1", "count"), [5], options)


def test_every_option_is_read_as_what_it_is() -> None:
    """Numbers are checked here, where the message can name the option."""
    words = (
        "call db1 dump --timeout 1.5 --max-exec-time 60 --concurrency 3 --key once"
        " --retries 2 --seal /a --seal=/b/0 --cancel-on-interrupt --detach --json"
    )

    command = read_command(
        [*words.split(), "--queue", '{"pool": "db"}', "--info", "[1]"]
    )

    assert command.options == {
        "timeout": 1.5,
        "max-exec-time": 60,
        "concurrency": 3,
        "key": "once",
        "retries": 2,
        "seal": ["/a", "/b/0"],
        "cancel-on-interrupt": True,
        "detach": True,
        "json": True,
        "queue": {"pool": "db"},
        "info": [1],
    }


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "no verb given"),
        ("cal web1 ping", "unknown verb 'cal', did you mean call?"),
        ("call", "HOST is missing"),
        ("call web1", "PROCEDURE is missing"),
        ("result", "ID is missing"),
        ("result 1 2", "'2': too many words"),
        ("status -- 1 2", "'2': too many words"),
        ("call web1 ping a=1 2", "'2' beside NAME=VALUE"),
        ("call web1 ping a=1 -- b", "'b' beside NAME=VALUE"),
        ("call web1 ping a=1 a=2", "given twice"),
        ("call web1 ping 1e400", "beyond the range of a double"),
        ("call web1 ping a=-1e400", "beyond the range of a double"),
        (r'call web1 ping "\ud800"', "lone surrogate"),
        ("call web1 ping " + "1" * 4301, "more than 4300 digits"),
        ("call web1 ping " + "[" * 100_000, "nested too deeply"),
        ("call web1 ping \udcff", "no UTF-8"),
        ("call web1 ping --folow", "did you mean --follow?"),
        ("call web1 ping -x", "unknown option '-x'"),
        ("call web1 ping -f=1", "unknown option '-f=1'"),
        ("call web1 ping -follow", "unknown option '-follow'"),
        ("call web1 ping --zzz=1", "unknown option"),
        ("call web1 ping --follow=1", "--follow: takes no value"),
        ("call web1 ping --key", "--key: the value is missing"),
        ("call web1 ping -f --detach", "exclude each other"),
        ("follow 1 --since 1 --recent 1", "exclude each other"),
        ("follow 1 --since -1", "an integer of at least 0"),
        ("follow 1 --recent 1.5", "an integer of at least 0"),
        ("call web1 ping --timeout 0", "seconds above 0"),
        ("call web1 ping --timeout x", "seconds above 0"),
        ("call web1 ping --timeout true", "seconds above 0"),
        ("call web1 ping --timeout 1e400", "seconds above 0"),
        ("call web1 ping --queue db", "--queue: 'db': expected JSON"),
        ("call web1 ping --queue [1]", "expected a JSON object"),
        ("call web1 ping --info {", "--info: '{': expected JSON"),
        ("call web1 ping --concurrency 2", "--concurrency needs --queue"),
        ("call web1 ping 1 --arguments f", "exclude each other"),
        ("status 1 --no-wait", '--no-wait: no option of "harp status"'),
        ("call web1 ping --since 1", '--since: no option of "harp call"'),
    ],
)  # fmt: skip
def test_a_mistake_is_named(line: str, message: str) -> None:
    """A usage error must say which word is wrong and what was expected."""
    with pytest.raises(UsageError) as caught:
        read_command(line.split())

    assert message in str(caught.value)


@pytest.mark.parametrize("word", ["--help", "-h", "--version"])
def test_help_needs_nothing_else(word: str) -> None:
    """Who asks for help has not got the rest right yet."""
    assert read_command([word]).verb == ""
    assert read_command(["call", word]).verb == "call"
    assert read_command(["nonsense", word]).verb == ""


@given(words=st.lists(st.text(max_size=8) | st.sampled_from(["--", "call", "a=1"])))
def test_any_words_are_a_command_or_a_usage_error(words: list[str]) -> None:
    """No typing error ends in a traceback."""
    try:
        command = read_command(words)
    except UsageError:
        return
    assert isinstance(command, Command)


@pytest.mark.parametrize("verb", usage.VERBS)
def test_every_option_of_a_verb_is_in_its_help(verb: str) -> None:
    """An option that the help does not name does not exist, and the other way round."""
    value = {
        "queue": "{}", "info": "1", "key": "k", "seal": "/a", "server": "h",
        "timeout": "1", "max-exec-time": "1", "concurrency": "1", "retries": "1",
        "since": "1", "recent": "1", "arguments": "f",
    }  # fmt: skip
    flags = ["follow", "detach", "cancel-on-interrupt", "no-wait", "json"]
    text = usage.VERBS[verb] + usage.SUMMARY.partition("--server")[2]
    operands = ["web1", "ping"] if verb == "call" else ["1"]

    for name in (*value, *flags):
        joined = f"--{name}={value[name]}" if name in value else f"--{name}"
        words = [verb, *operands, joined]
        if name == "concurrency":
            words.append("--queue={}")
        try:
            read_command(words)
        except UsageError:
            assert f"--{name} " not in text
        else:
            assert f"--{name} " in text


def test_the_manual_names_every_option_and_exit_status() -> None:
    """What the manual leaves out will be asked for in vain."""
    manual = (Path(__file__).parents[2] / "man" / "harp.1").read_text()
    texts = usage.SUMMARY + "".join(usage.VERBS.values())

    for name in re.findall(r"--([a-z-]+)", texts):
        assert re.search(rf"(Fl|,) -{name}\b", manual)
    for status in {*EXIT_STATUS.values(), READER_LEFT, 0}:
        assert f"\n.It {status}\n" in manual
