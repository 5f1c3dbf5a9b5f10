"""How an executable ends, and what its caller and the log hear of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from executables import call, exception, program, refusal, running_executables
from harpd_process import Harpd

from protocol.jsontext import JsonText
from protocol.outcome import Returned

END = """
    import json, os, signal, sys
    how = json.load(sys.stdin)["how"]
    print("before", flush=True)
    sys.stderr.write("first\\nlast" + chr(27) + "\\n")
    sys.stderr.flush()
    if how > 0:
        sys.exit(how)
    os.kill(os.getpid(), -how)
    signal.pause()
"""
BABBLE = """
    import sys
    for number in range(999):
        sys.stderr.write("line %d.\\n" % number)
    sys.exit(1)
"""
CONFIG = f"""
[[procedure]]
name = "end"
{program(END)}
arguments = [{{ name = "how", type = "integer" }}]

[[procedure]]
name = "end_last"
{program(END)}
arguments = [{{ name = "how", type = "integer" }}]
result = "last-line"

[[procedure]]
name = "babble"
{program(BABBLE)}
result = "last-line"

[[procedure]]
name = "not_there"
argv = ["/no/such/program", "x"]

[[procedure]]
name = "not_in_path"
argv = ["no-such-program-anywhere"]

[[procedure]]
name = "not_executable"
argv = ["/etc/passwd"]

[[procedure]]
name = "a_folder"
argv = ["/etc"]

[[procedure]]
name = "SIGPIPE"
argv = ["/bin/sh", "-c", "kill -PIPE $$; echo survived"]

[[procedure]]
name = "SIGXFSZ"
argv = ["/bin/sh", "-c", "kill -XFSZ $$; echo survived"]

[[procedure]]
name = "leave"
argv = ["/bin/sh", "-c", "sleep 1000 & echo left"]
"""


@pytest.fixture(scope="module")
def harpd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harpd]:
    """Run one worker for all tests here."""
    folder = tmp_path_factory.mktemp("harpd")
    # The text of "plain" is one that a shell would run, and nothing else can.
    scripts = {"fails": "import sys; sys.exit('sorry')", "plain": ""}
    with running_executables(folder, CONFIG, scripts) as worker:
        (folder / "procedures.d" / "plain").write_text("echo a shell would run this\n")
        yield worker


ENDS: dict[int, tuple[str, str, dict[str, Any]]] = {
    1: ("ProcessExited", "exited with status 1 and no result", {"exit": 1}),
    255: ("ProcessExited", "exited with status 255 and no result", {"exit": 255}),
    -9: ("ProcessKilled", "was killed by SIGKILL", {"signal": "SIGKILL"}),
    -11: ("ProcessKilled", "was killed by SIGSEGV", {"signal": "SIGSEGV"}),
    -15: ("ProcessKilled", "was killed by SIGTERM", {"signal": "SIGTERM"}),
    -40: ("ProcessKilled", "was killed by signal 40", {"signal": "signal 40"}),
}


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("name", ["end", "end_last"])
async def test_another_end_is_an_exception_with_the_last_words(
    harpd: Harpd, name: str, how: int
) -> None:
    """What was streamed before stays told; a last line then is a packet, too."""
    type_, message, data = ENDS[how]

    packets, _ = await call(harpd, name, how)
    raised = await exception(harpd, name, how)

    assert packets == ["before"]
    told = data | {"stderr": ["first", "last\x1b"]}
    assert raised == (type_, f"the procedure {message}", told)


@pytest.mark.parametrize("name", ["SIGPIPE", "SIGXFSZ"])
async def test_a_signal_that_python_ignores_ends_a_program(
    harpd: Harpd, name: str
) -> None:
    """Who inherits that would write for ever, into the void or past its limit."""
    assert await exception(harpd, name) == (
        "ProcessKilled",
        f"the procedure was killed by {name}",
        {"signal": name, "stderr": []},
    )


async def test_standard_error_goes_to_the_log(harpd: Harpd) -> None:
    """Line by line, with its procedure; nothing in it can look like a line of ours."""
    assert await exception(harpd, "fails") == (
        "ProcessExited",
        "the procedure exited with status 1 and no result",
        {"exit": 1, "stderr": ["sorry"]},
    )
    await call(harpd, "end", 1)

    lines = map(json.loads, harpd.log.splitlines())
    said = [line for line in lines if line["event"] == "procedure.said"]
    assert {"procedure": "fails", "stderr": "sorry"}.items() <= said[-3].items()
    assert [line["stderr"] for line in said[-2:]] == ["first", "last\x1b"]
    assert "\x1b" not in harpd.log


async def test_the_log_hears_200_lines_of_a_call_the_caller_20(harpd: Harpd) -> None:
    """The log is everybody's; the last words are what tells of a failure."""
    _, _, data = await exception(harpd, "babble")

    assert data["stderr"] == [f"line {n}." for n in range(979, 999)]
    assert "line 199." in harpd.log
    assert "line 200." not in harpd.log
    assert harpd.log.count("procedure.silenced") == 1


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("not_there", "No such file or directory: /no/such/program"),
        ("not_in_path", "No such file or directory: no-such-program-anywhere"),
        ("not_executable", "Permission denied: /etc/passwd"),
        ("a_folder", "Permission denied: /etc"),
        ("plain", "Exec format error: "),
    ],
)
async def test_what_cannot_be_executed_is_a_loading_error(
    harpd: Harpd, name: str, reason: str
) -> None:
    """It was not run: a dispatcher may try again. No shell takes over either."""
    type_, message = await refusal(harpd, name)

    assert type_ == "procedure_loading_error"
    assert message.startswith(reason)


async def test_a_call_ends_with_its_program(harpd: Harpd) -> None:
    """What it left in the background holds its output open, but not the caller."""
    packets, outcome = await call(harpd, "leave")

    assert packets == ["left"]
    assert outcome == Returned(JsonText(b'{"exit":0}'))
