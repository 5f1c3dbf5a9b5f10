"""The command line of `harp-harmony`: verbs, and none where a container is meant."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Final

from harpcaller import __version__
from harpcaller.adapters.harmony.intakes import Intake

SERVICE_VARIABLE: Final = "HARP_HARMONY_SERVICE"
DISPATCHER_VARIABLE: Final = "HARP_DISPATCHER"


def command_line() -> ArgumentParser:
    """Return what reads it; without a verb it is that of a service's container."""
    parser = ArgumentParser(
        prog="harp-harmony",
        description="Requests of NASA's Harmony: run, planned, looked at.",
    )
    parser.add_argument(
        "--version", action="version", version=f"harp-harmony {__version__}"
    )
    _add_service(parser)
    _add_dispatcher(parser)
    _add_invocation(parser)
    verbs = parser.add_subparsers(metavar="VERB", dest="verb")
    _add_plan(
        verbs.add_parser(
            "plan", help="print what a request would run; nothing is submitted"
        )
    )
    status = verbs.add_parser("status", help="print how far a request has come")
    _add_dispatcher(status)
    status.add_argument("job", metavar="JOB", help="the ID of its job")
    return parser


def _add_service(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--service",
        default=os.environ.get(SERVICE_VARIABLE),
        help=f"a name of services.yml; else that in {SERVICE_VARIABLE}",
    )


def _add_dispatcher(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--dispatcher",
        metavar="ADDRESS",
        default=os.environ.get(DISPATCHER_VARIABLE),
        help=f"the dispatcher's address; else that in {DISPATCHER_VARIABLE}",
    )


def _add_message(parser: ArgumentParser, *, is_required: bool) -> None:
    message = parser.add_mutually_exclusive_group(required=is_required)
    message.add_argument("--harmony-input", metavar="JSON", help="the message")
    message.add_argument(
        "--harmony-input-file", type=Path, metavar="FILE", help="a file that has it"
    )
    parser.add_argument(
        "--harmony-sources",
        type=Path,
        metavar="FILE",
        help="a catalog, or fields to override",
    )


def _add_invocation(parser: ArgumentParser) -> None:
    """Add what Harmony gives to a container, and one word more."""
    parser.add_argument(
        "--harmony-action", choices=["invoke"], help="what a container is told to do"
    )
    _add_message(parser, is_required=False)
    parser.add_argument(
        "--harmony-metadata-dir",
        metavar="DIR",
        help="where catalogs, message.json and error.json are left",
    )
    parser.add_argument(
        "--harmony-data-location",
        metavar="LOC",
        help="where outputs are staged, instead of what the message says",
    )
    parser.add_argument(
        "--harmony-wrap-stdout",
        action="store_true",
        help="accepted: what is printed is JSON in any case",
    )
    parser.add_argument(
        "--harmony-visibility-timeout",
        type=int,
        metavar="N",
        help="accepted: it is for queues",
    )
    parser.add_argument(
        "--shared",
        action="store_true",
        help="name the catalog by its path: the dispatcher sees it too",
    )


def _add_plan(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        required=True,
        metavar="FILE",
        help="the dispatcher's configuration",
    )
    parser.add_argument("--service", required=True, help="a name of services.yml")
    _add_message(parser, is_required=True)
    parser.add_argument(
        "--intake",
        type=Intake,
        choices=list(Intake),
        default=Intake.LINE,
        help="the way by which the request would come in",
    )
    parser.add_argument(
        "--unchecked",
        action="store_true",
        help="leave out what the service can do and serves (E11 to E14)",
    )
