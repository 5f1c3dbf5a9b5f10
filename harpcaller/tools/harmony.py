"""The command `harp-harmony`: what a request of Harmony would run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from harpcaller import __version__
from harpcaller.adapters.harmony.requests import Intake
from harpcaller.tools.harmony_files import NoConfig, NoInput
from harpcaller.tools.harmony_plan import Wanted, plan
from indira.cli import Exit


def main(words: Sequence[str] | None = None) -> int:
    """Carry out one command line; return the exit code."""
    options = _parser().parse_args(words)
    wanted = Wanted(
        config=options.config,
        service=options.service,
        operation=options.harmony_input,
        operation_file=options.harmony_input_file,
        sources=options.harmony_sources,
        intake=options.intake,
        is_checked=not options.unchecked,
    )
    try:
        return plan(wanted, sys.stdout.write)
    except NoConfig as error:
        sys.stderr.write("".join(f"{line}\n" for line in error.lines))
    except NoInput as error:
        sys.stderr.write(f"harp-harmony: {error}\n")
    return Exit.USAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="harp-harmony", description="Requests of NASA's Harmony."
    )
    parser.add_argument(
        "--version", action="version", version=f"harp-harmony {__version__}"
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    _add_plan(
        verbs.add_parser(
            "plan", help="print what a request would run; nothing is submitted"
        )
    )
    return parser


def _add_plan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, required=True, help="the dispatcher's configuration"
    )
    parser.add_argument("--service", required=True, help="a name of services.yml")
    message = parser.add_mutually_exclusive_group(required=True)
    message.add_argument("--harmony-input", metavar="JSON", help="the message")
    message.add_argument("--harmony-input-file", type=Path, help="a file that has it")
    parser.add_argument(
        "--harmony-sources", type=Path, help="a catalog, or fields to override"
    )
    parser.add_argument(
        "--intake", type=Intake, choices=list(Intake), default=Intake.LINE
    )
    parser.add_argument(
        "--unchecked",
        action="store_true",
        help="leave out what the service can do and serves (E11 to E14)",
    )
