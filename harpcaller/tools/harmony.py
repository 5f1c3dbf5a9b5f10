"""The command `harp-harmony`: requests of Harmony run, planned, looked at."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from harpcaller.client import ClientError, Dispatcher
from harpcaller.tools.harmony_files import NoInput, read_message
from harpcaller.tools.harmony_invoke import Invocation, invoke
from harpcaller.tools.harmony_log import Log
from harpcaller.tools.harmony_options import command_line
from harpcaller.tools.harmony_submission import PATIENCE_S
from indira.cli import Exit


def main(words: Sequence[str] | None = None) -> int:
    """Carry out one command line; return the exit code."""
    parser = command_line()
    options = parser.parse_args(words)
    try:
        match options.verb:
            case "plan":
                return _plan(options)
            case "status":
                return _status(parser, options)
            case _:
                return _invoke(parser, options)
    except NoInput as error:
        sys.stderr.write(f"harp-harmony: {error}\n")
        return Exit.USAGE
    except ClientError as error:
        sys.stderr.write(f"harp-harmony: {error}\n")
        return Exit.FAILED


def _plan(options: Namespace) -> int:
    # A container has to start fast, and knows nothing of configurations.
    from harpcaller.tools.harmony_plan import Wanted, plan  # noqa: PLC0415
    from harpcaller.tools.harmony_settings import NoConfig  # noqa: PLC0415

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
        return Exit.USAGE


def _status(parser: ArgumentParser, options: Namespace) -> int:
    from harpcaller.tools.harmony_status import tell_status  # noqa: PLC0415 (as above)

    dispatcher = _dispatcher(parser, options)
    return tell_status(dispatcher.job(options.job), sys.stdout.write)


def _invoke(parser: ArgumentParser, options: Namespace) -> int:
    _refuse_incomplete(parser, options)
    invocation = Invocation(
        service=options.service,
        operation=read_message(options.harmony_input, options.harmony_input_file),
        sources=options.harmony_sources,
        metadata_dir=options.harmony_metadata_dir,
        data_location=options.harmony_data_location,
        is_shared=options.shared,
    )
    return invoke(invocation, _dispatcher(parser, options), Log(_say))


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()  # somebody watches, and a pipe would wait for more


def _refuse_incomplete(parser: ArgumentParser, options: Namespace) -> None:
    if options.harmony_action is None:
        parser.error("expected --harmony-action invoke, plan or status")
    if not (options.harmony_input or options.harmony_input_file):
        parser.error("expected --harmony-input or --harmony-input-file")
    if options.harmony_metadata_dir is None:
        parser.error("expected --harmony-metadata-dir")
    if "://" in options.harmony_metadata_dir:
        parser.error("--harmony-metadata-dir: expected a directory of this machine")
    if not options.service:
        parser.error("expected --service, or HARP_HARMONY_SERVICE")


def _dispatcher(parser: ArgumentParser, options: Namespace) -> Dispatcher:
    try:
        return Dispatcher(options.dispatcher or None, patience_s=PATIENCE_S)
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    sys.exit(main())
