"""`harpd check`: would it serve, and what would it not do as it is told?"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial

import trio

from harpcaller import logs
from harpcaller.worker.catalogue import catalogue_complaints
from harpcaller.worker.children import Children
from harpcaller.worker.limits import Gates
from harpcaller.worker.listen import tls_context
from harpcaller.worker.orphans import open_orphans
from harpcaller.worker.powers import our_powers
from harpcaller.worker.profile import complaints
from harpcaller.worker.renewal import plan_of
from harpcaller.worker.settings import Settings, SettingsError
from harpcaller.worker.start import read_settings
from indira.cli import Exit, show
from protocol.harp_worker import Refused


def check(options: argparse.Namespace) -> int:
    """Print what is wrong, a line each; return the exit code."""
    logs.configure(debug=False)
    try:
        settings = read_settings(options)
    except SettingsError as error:
        problems: Sequence[str] = error.problems
    else:
        problems = trio.run(partial(_problems, settings))
    for problem in problems:
        if options.json:
            show({"problem": problem})
        else:
            sys.stdout.write(f"{problem}\n")
    return Exit.FAILED if problems else Exit.OK


async def _problems(settings: Settings) -> Sequence[str]:
    problems: list[str] = []
    if settings.cert_file:
        try:
            tls_context(settings)
        except SettingsError as error:
            problems.append(str(error))
    return problems + await _problems_of_procedures(settings)


async def _problems_of_procedures(settings: Settings) -> list[str]:
    """Load the procedures, as at a start, if somebody can be found to load them."""
    defaults, powers = settings.defaults, our_powers()
    if any(complaints(defaults.profile, powers)):
        return [*catalogue_complaints(settings.executables, defaults, powers)]
    async with open_orphans() as orphans:
        children = Children(plan_of(settings), Gates(), orphans)
        try:
            await children.warm_up()
            return children.complaints()
        except Refused as error:
            return [f"procedures were not loaded: {error.message}"]
        finally:
            with trio.CancelScope(shield=True):  # it only waits for processes that end
                await children.close()
