"""What this worker offers: each procedure with its profile and its limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import attrs

from harpcaller.worker.harmony.settings import HarmonyCli, HarmonyHttp
from harpcaller.worker.kinds.executable import Executable
from harpcaller.worker.limits import Limits
from harpcaller.worker.orders import PythonFunction
from harpcaller.worker.powers import Powers
from harpcaller.worker.profile import Profile, complaints
from protocol.harp_worker import Refusal, Refused


@attrs.frozen(kw_only=True)
class Offered:
    """One procedure that may be called, and how its calls are carried out."""

    what: PythonFunction | Executable | HarmonyCli | HarmonyHttp
    profile: Profile
    limits: Limits

    @property
    def name(self) -> str:
        """The name it is called by."""
        return self.what.name


Catalogue: TypeAlias = Mapping[str, Offered]


@attrs.frozen(kw_only=True)
class Defaults:
    """What holds for every procedure that says nothing else."""

    profile: Profile = attrs.field(factory=Profile)
    limits: Limits = attrs.field(factory=Limits)


def make_catalogue(
    functions: Iterable[PythonFunction],
    executables: Iterable[Offered],
    defaults: Defaults,
) -> Catalogue:
    """Return all procedures by their names.

    Raises:
        Refused: `procedure_loading_error`, two have the same name.
    """
    catalogue: dict[str, Offered] = {}
    for offered in (*(_offer(one, defaults) for one in functions), *executables):
        if offered.name in catalogue:
            message = f'two procedures are named "{offered.name}"'
            raise Refused(Refusal.PROCEDURE_LOADING_ERROR, message)
        catalogue[offered.name] = offered
    return catalogue


def catalogue_complaints(
    catalogue: Iterable[Offered], defaults: Defaults, powers: Powers
) -> Iterator[str]:
    """Yield what keeps procedures from running as they are configured, in sentences."""
    told = set(complaints(defaults.profile, powers))
    for complaint in sorted(told):
        yield f"[defaults]: {complaint}"
    for offered in catalogue:
        for complaint in complaints(offered.profile, powers):
            if complaint not in told:
                yield f'procedure "{offered.name}": {complaint}'
        for folder in _missing_folders(offered):
            yield f'procedure "{offered.name}": "{folder}" is no directory'


def _missing_folders(offered: Offered) -> Iterator[str]:
    if isinstance(offered.what, HarmonyCli | HarmonyHttp):
        for folder in offered.what.folders:
            if not Path(folder).is_dir():
                yield folder


def _offer(function: PythonFunction, defaults: Defaults) -> Offered:
    """Return the offer of a Python procedure: what its decorator says wins."""
    profile, limits = defaults.profile, defaults.limits
    if function.uid is not None or function.gid is not None:
        user = profile.user if function.uid is None else function.uid
        profile = attrs.evolve(profile, user=user, group=function.gid, groups=())
    if function.timeout_s is not None:
        limits = attrs.evolve(limits, timeout_s=function.timeout_s)
    return Offered(what=function, profile=profile, limits=limits)
