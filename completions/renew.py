"""Writes the completions of bash, zsh and fish from the command lines' own parsers.

The folder to write to is the one argument; without it, that of this file.
"""

from __future__ import annotations

import re
import sys
from argparse import Action, ArgumentParser, _SubParsersAction
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import shtab

from harpcaller import cli as harpcallerd
from harpcaller.client import usage
from harpcaller.client.options import ACCESS, OPTIONS, SHORT, VERBS
from harpcaller.tools import harmony_options
from harpcaller.worker import cli as harpd

NAMES = {"bash": "{}.bash", "zsh": "_{}", "fish": "{}.fish"}
_TOLD = re.compile(r"^ +(?:-\w, )?--([a-z-]+)(?: [A-Z]+)? +(\S.*)$", re.MULTILINE)


class Asked(NamedTuple):
    """A daemon, what it is asked for, and whether the words tell its socket."""

    daemon: str
    kind: str
    has_socket: bool = True


ASKED = {
    ("harpcallerd", "job"): Asked("harpcallerd", "jobs"),
    ("harpcallerd", "queue"): Asked("harpcallerd", "queues"),
    ("harpcallerd", "host"): Asked("harpcallerd", "hosts"),
    ("harpd", "call"): Asked("harpd", "calls"),
    # Its words may hold what nobody else should read: they are not passed on.
    ("harp", "HOST"): Asked("harpcallerd", "hosts", has_socket=False),
    ("harp", "ID"): Asked("harpcallerd", "jobs", has_socket=False),
    ("harp-harmony", "job"): Asked("harpcallerd", "jobs", has_socket=False),
}


def main() -> None:
    """Write a file for each shell and command."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    known = map(_known, (harpcallerd, harpd))
    for parser in (harp_parser(), harmony_options.command_line(), *known):
        for action in _actions(parser):
            _add_candidates(parser.prog, action)
        for shell, name in NAMES.items():
            path = folder / shell / name.format(parser.prog)
            path.parent.mkdir(exist_ok=True)
            text = shtab.complete(parser, shell)
            path.write_text(re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE))


def harp_parser() -> ArgumentParser:
    """Return what argparse would need to know of `harp`, which does without it."""
    parser = ArgumentParser("harp", description="Have procedures called.")
    told = dict(_TOLD.findall(usage.SUMMARY))
    _add_options(parser, [*ACCESS, "json"], told)
    parser.add_argument("--version", action="store_true", help="print the version")
    verbs = parser.add_subparsers(metavar="VERB")
    for name, verb in VERBS.items():
        [text] = re.findall(rf"harp {name}\b[^\n]*?\s{{3,}}(\w.*)", usage.SUMMARY)
        added = verbs.add_parser(name, help=text, description=text)
        more = dict(_TOLD.findall(usage.VERBS[name]))
        _add_options(
            added, [one for one in OPTIONS if one in verb.options], told | more
        )
        for operand in verb.operands:
            added.add_argument(operand)
    return parser


def _add_options(
    parser: ArgumentParser, names: list[str], told: dict[str, str]
) -> None:
    for name in names:
        words = [short for short, long in SHORT.items() if long == f"--{name}"]
        kind: dict[str, Any] = {"metavar": name, "type": OPTIONS[name]}
        if OPTIONS[name] is None:
            kind = {"action": "store_true"}
        elif name.endswith("-file") or name == "arguments":
            kind["type"] = Path
        parser.add_argument(*words, f"--{name}", help=_help(name, told), **kind)


def _help(name: str, told: dict[str, str]) -> str:
    return told.get(name, name.replace("-", " ")).partition(";")[0]


def _known(module: Any) -> ArgumentParser:
    parser: ArgumentParser = module.command_line().parser
    for action in parser._actions:  # argparse tells them nowhere else
        if action.dest == "socket":
            action.help = "the admin socket"  # its default is that of this machine
    return parser


def _actions(parser: ArgumentParser) -> Iterator[Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, _SubParsersAction):
            for verb in action.choices.values():
                yield from _actions(verb)


def _add_candidates(program: str, action: Action) -> None:
    asked = ASKED.get((program, action.dest))
    if asked is not None:
        action.complete = _candidates(program, asked)  # type: ignore[attr-defined]
    elif action.metavar == "DIR":
        action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    elif action.type is Path or action.metavar == "FILE":
        action.complete = shtab.FILE  # type: ignore[attr-defined]


def _candidates(program: str, asked: Asked) -> dict[str, Any]:
    name = f"_{program.replace('-', '_')}_{asked.kind}"
    ask = f"command {asked.daemon} complete {asked.kind}"
    words = dict.fromkeys(NAMES, "")
    if asked.has_socket:
        words = {
            "bash": ' "${COMP_WORDS[@]:0:COMP_CWORD}"',
            "zsh": ' "${(@Q)${(z)LBUFFER}}"',
            "fish": " (commandline -opc)",
        }
    return {
        "bash": name,
        "zsh": name,
        "fish": f"({ask}{words['fish']} 2>/dev/null)",
        "preamble": {
            "bash": _BASH % {"name": name, "ask": ask + words["bash"]},
            "zsh": _ZSH % {"name": name, "ask": ask + words["zsh"]},
        },
    }


# Quoted before it is compared: what is typed is quoted, too.
_BASH = """\
%(name)s() {
  local candidate
  while IFS= read -r candidate; do
    printf -v candidate %%q "$candidate"
    [[ $candidate == "$1"* ]] && printf '%%s\\n' "$candidate"
  done < <(%(ask)s 2>/dev/null)
}
"""
_ZSH = """\
%(name)s() {
  local -a candidates
  candidates=(${(f)"$(%(ask)s 2>/dev/null)"})
  compadd "$@" -a candidates
}
"""

if __name__ == "__main__":
    main()
