"""What bash, zsh and fish would offer to somebody who types."""

from __future__ import annotations

import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
from collections.abc import Set
from pathlib import Path

import attrs

COMPLETIONS = Path(__file__).parents[2] / "completions"
LIMIT_S = 60
_BASH = """
source "$0"
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
"_shtab_$1"
printf '%s\\n' "${COMPREPLY[@]}"
"""
_FISH = 'source $argv[1]; complete --do-complete "$argv[2]"'
# The marks' own echoes do not look like them.
_ZSH = """PROMPT= PS2= LISTMAX=9999; unsetopt prompt_sp; fpath=({folder} $fpath)
autoload -U compinit; compinit -C -u -d {dump}
list() {{ zle list-choices; zle -R; print EN''DED }}; zle -N list; bindkey '^X' list
zle-line-init() {{ print BE''GUN }}; zle -N zle-line-init
"""


@attrs.frozen
class Desk:
    """Where somebody types: a folder with `commands` first among the commands.

    `dump` is where zsh keeps what it found: it looks through a thousand files.
    """

    folder: Path
    commands: Path
    dump: Path

    @property
    def environment(self) -> dict[str, str]:
        """The variables of his shell."""
        path = f"{self.commands}:{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "TERM": "dumb", "COLUMNS": "300"}


def commands_for(folder: Path, socket: Path) -> Path:
    """Return a new folder with the daemons' commands, which ask at `socket`."""
    folder.mkdir()
    for name, module in (("harpcallerd", "harpcaller"), ("harpd", "harpcaller.worker")):
        ask = shlex.join([sys.executable, "-m", module, "--socket", str(socket)])
        (folder / name).write_text(f'#!/bin/sh\nexec {ask} "$@"\n')
        (folder / name).chmod(0o755)
    return folder


def in_bash(desk: Desk, *words: str) -> Set[str]:
    """Return what bash offers for the last word."""
    script = str(COMPLETIONS / "bash" / f"{words[0]}.bash")
    command = ["bash", "--norc", "-c", _BASH, script, *words]
    return set(filter(None, _run(desk, command).splitlines()))


def in_fish(desk: Desk, *words: str) -> Set[str]:
    """Return what fish offers for the last word."""
    script = str(COMPLETIONS / "fish" / f"{words[0]}.fish")
    command = ["fish", "--no-config", "-c", _FISH, script, " ".join(words)]
    return {line.partition("\t")[0] for line in _run(desk, command).splitlines()}


def in_zsh(desk: Desk, *words: str) -> Set[str]:
    """Return the words of the list that zsh shows; with descriptions, if it has any."""
    pid, terminal = pty.fork()
    if not pid:
        os.chdir(desk.folder)
        os.execvpe("zsh", ["zsh", "-f", "-i"], desk.environment)  # noqa: S606
    try:
        setting = _ZSH.format(folder=COMPLETIONS / "zsh", dump=desk.dump)
        os.write(terminal, setting.encode())
        _read_until(terminal, "BEGUN")
        os.write(terminal, " ".join(words).encode() + b"\x18")
        shown = _read_until(terminal, "ENDED")
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|[\x00-\x1f]", " ", shown)
    return set(plain.split()) - {*words, "ENDED"}


def _read_until(terminal: int, mark: str) -> str:
    """Return what the shell writes, up to a mark."""
    said = ""
    while mark not in said:
        assert select.select([terminal], [], [], LIMIT_S)[0], said
        said += os.read(terminal, 65536).decode(errors="replace")
    return said


def _run(desk: Desk, command: list[str]) -> str:
    done = subprocess.run(
        command,
        cwd=desk.folder,
        env=desk.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout
