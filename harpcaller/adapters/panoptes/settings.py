"""The table `[adapters.panoptes]`: settings, or all that is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from harpcaller.adapters.adapter import CoreLimits, Files, Problem, Table
from harpcaller.adapters.parts import Part

_DAY_S: Final = 86400
_REDIRECTS: Final = (301, 302)


@attrs.frozen(kw_only=True)
class Redirect:
    """Where service info sends clients, and whether for good or this once."""

    code: int
    location: str


@attrs.frozen(kw_only=True)
class Settings:
    """What holds for all workflows; times are seconds of silence."""

    serve: bool = True
    redirect: Redirect | None = None
    linger_s: float = 5
    quiet_s: float = 60
    quiet_running_s: float = 600
    stale_after_s: float = 2 * _DAY_S
    give_up_s: float = 7 * _DAY_S
    drop_levels: frozenset[str] = frozenset()
    cancel_kills: bool = False
    max_live: int = 10_000
    max_packets: int = 1_000_000
    max_bytes: int = 256 * 2**20
    max_updates_per_s: float = 200


_USUAL: Final = Settings()
KEYS: Final = tuple(attrs.fields_dict(Settings))


def files(_: Table) -> Sequence[str]:
    """Return no globs: the table is all."""
    return ()


def load(table: Table, _: Files, __: CoreLimits) -> Settings | Sequence[Problem]:
    """Return the settings, or all that is wrong with them."""
    problems: list[Problem] = []
    part = Part(table, "", problems)
    part.refuse_unknown(KEYS)
    settings = Settings(
        serve=part.flag("serve", default=_USUAL.serve),
        redirect=_redirect(part.part("redirect")),
        linger_s=part.seconds("linger_s") or _USUAL.linger_s,
        quiet_s=part.seconds("quiet_s") or _USUAL.quiet_s,
        quiet_running_s=part.seconds("quiet_running_s") or _USUAL.quiet_running_s,
        stale_after_s=part.seconds("stale_after_s") or _USUAL.stale_after_s,
        give_up_s=part.seconds("give_up_s") or _USUAL.give_up_s,
        drop_levels=frozenset(part.texts("drop_levels")),
        cancel_kills=part.flag("cancel_kills", default=_USUAL.cancel_kills),
        max_live=part.count("max_live", _USUAL.max_live, least=1),
        max_packets=part.count("max_packets", _USUAL.max_packets, least=1),
        max_bytes=part.count("max_bytes", _USUAL.max_bytes, least=1),
        max_updates_per_s=part.number("max_updates_per_s", least=0.01)
        or _USUAL.max_updates_per_s,
    )
    return problems or settings


def _redirect(part: Part | None) -> Redirect | None:
    if part is None:
        return None
    part.refuse_unknown(("code", "location"))
    code, location = part.get("code"), part.need_text("location")
    if type(code) is not int or code not in _REDIRECTS:
        part.wrong("code", "301 or 302")
    if not (location.isascii() and location.isprintable()):
        part.wrong("location", "an address in ASCII")
    return Redirect(code=301 if code == 301 else 302, location=location)
