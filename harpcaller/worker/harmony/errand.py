"""The errand of a call of a Harmony service: its name, its folder, its last words."""

from __future__ import annotations

import re
import secrets

from harpcaller.worker.errand import Errand
from harpcaller.worker.harmony.command import fill, is_container
from harpcaller.worker.harmony.settings import HarmonyCli, HarmonyHttp, write_settings
from protocol.harp import HarpCall

_PLAIN = re.compile(r"[A-Za-z0-9-]{1,64}")


def errand_of(what: HarmonyCli | HarmonyHttp, call: HarpCall) -> Errand:
    """Return what a supervisor is to do; its folder and container are its alone."""
    name = f"harp-{secrets.token_hex(8)}"
    if call.job_id is not None and _PLAIN.fullmatch(call.job_id):
        name = f"harp-{call.job_id}-{secrets.token_hex(4)}"
    if isinstance(what, HarmonyHttp):
        place = f"{what.data_dir}/.{name}"
        return Errand(
            kind="harmony_http", settings=write_settings(what), private_dir=place
        )
    place = f"{what.private_dir.rstrip('/')}/{name}"
    return Errand(
        kind="harmony_cli",
        settings=write_settings(what),
        private_dir=place,
        last_words=_last_words(what, place),
    )


def _last_words(what: HarmonyCli, place: str) -> tuple[str, ...]:
    """Return what ends a container: to end its client does not."""
    if not is_container(what.argv):
        return ()
    [name] = fill(("{name}",), place)
    return (what.argv[0], "kill", name)
