"""`[adapters.harmony]` and its files: settings, or all problems at once (E22)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from harpcaller.adapters.adapter import CoreLimits, Files, Problem, Table
from harpcaller.adapters.harmony.bindings import (
    Binding,
    Reach,
    Surroundings,
    find_binding,
    read_bindings,
)
from harpcaller.adapters.harmony.chains import Chain, Step
from harpcaller.adapters.harmony.extra import PACKAGES, lacking
from harpcaller.adapters.harmony.section import Section
from harpcaller.adapters.harmony.services import Services, read_services
from harpcaller.adapters.harmony.settings import Dialect, NoData, Settings, Written
from harpcaller.adapters.harmony.yamltext import BadYaml, read_variables, read_yaml
from harpcaller.adapters.places import Place, Places, read_place

_FILE_KEYS: Final = ("services", "bindings", "env_file")
_NEEDED: Final = ("services", "bindings", "environment")
KEYS: Final = (
    *_FILE_KEYS,
    "environment",
    "offer",
    "work_dir",
    "work_group",
    "callback_allow",
    "granule_allow",
    "href_map",
    "native_format",
    "dialect",
    "ignore_errors",
    "nodata",
    "retry_limit",
    "max_errors",
    "max_exec_time_s",
    "max_failed_percent",
    "cancel_probe_s",
    "max_granules",
    "count_locator",
)
_LOOPBACK: Final = ("http://127.0.0.1:*", "http://localhost:*", "http://[::1]:*")
_ANYWHERE: Final = ("https:", "s3:")


def files(table: Table) -> Sequence[str]:
    """Return the files that `load` wants to see."""
    return [table[key] for key in _FILE_KEYS if isinstance(table.get(key), str)]


def load(
    table: Table, contents: Files, limits: CoreLimits
) -> Settings | Sequence[Problem]:
    """Return the settings, or all that is wrong with them."""
    return lacking(PACKAGES) or _load(table, contents, limits)


def places(settings: Settings) -> Places:
    """Return where documents may be read and written."""
    return Places(
        read=settings.granule_allow,
        work_dir=settings.work_dir,
        work_group=settings.work_group,
    )


def _load(
    table: Table, contents: Files, limits: CoreLimits
) -> Settings | Sequence[Problem]:
    problems: list[Problem] = []
    section = Section(table, problems)
    section.refuse_unknown(KEYS)
    for key in _NEEDED:
        section.need_text(key)
    settings = _read(section, contents, limits)
    return problems or settings


def _read(section: Section, contents: Files, limits: CoreLimits) -> Settings:
    variables = _read_env(section, contents)
    environment = section.text("environment") or ""
    services = Services(chains={})
    document = _document(section, "services", contents, variables)
    if document is not None and environment:
        services = read_services(
            document, environment, _name(section, "services"), section.problems
        )
    bindings_document = _document(section, "bindings", contents, {})
    bindings = read_bindings(
        bindings_document,
        _name(section, "bindings"),
        Surroundings(
            core_max_exec_s=limits.max_exec_s,
            has_work_dir=section.get("work_dir") is not None,
        ),
        section.problems,
    )
    chains = _offered(section, services)
    _check_bindings(section, chains, bindings)
    return Settings(
        environment=environment,
        chains=chains,
        bindings=bindings,
        warnings=services.warnings,
        disabled=services.disabled,
        skipped=services.skipped,
        max_worker_line_bytes=limits.max_worker_line_bytes,
        written=Written(
            table=section.values,
            services=services.written,
            bindings=bindings_document or {},
            core_max_exec_s=limits.max_exec_s,
        ),
        **_read_rest(section),
    )


def _read_rest(section: Section) -> dict[str, Any]:
    return {
        "callback_allow": _read_places(section, "callback_allow", _LOOPBACK),
        "granule_allow": _read_places(section, "granule_allow", _ANYWHERE),
        "work_dir": _read_work_dir(section),
        "work_group": section.text("work_group"),
        "href_map": _read_words(section, "href_map"),
        "native_format": _read_words(section, "native_format"),
        "dialect": Dialect(section.one_of("dialect", list(Dialect), Dialect.SEED)),
        "ignore_errors": section.flag("ignore_errors", default=True),
        "nodata": NoData(section.one_of("nodata", list(NoData), NoData.SUCCESS)),
        "retry_limit": _count(section, "retry_limit", 5),
        "max_errors": _count(section, "max_errors", 2000),
        "max_exec_s": section.seconds("max_exec_time_s") or 604800,
        "max_failed_percent": _count(section, "max_failed_percent", 75),
        "cancel_probe_s": _count(section, "cancel_probe_s", 60),
        "max_granules": _count(section, "max_granules", 10_000_000),
        "count_locator": section.flag("count_locator"),
    }


def _count(section: Section, key: str, default: int) -> int:
    value = section.count(key, least=0)
    return default if value is None else value


def _read_work_dir(section: Section) -> str | None:
    path = section.text("work_dir")
    if path is not None and not path.startswith("/"):
        section.wrong("work_dir", "an absolute path: workers know it by the same")
    return None if path is None else path.rstrip("/")


def _read_places(
    section: Section, key: str, default: Sequence[str]
) -> tuple[Place, ...]:
    places = []
    for text in default if section.get(key) is None else section.texts(key):
        try:
            places.append(read_place(text))
        except ValueError as error:
            section.complain(str(error), key)
    return tuple(places)


def _read_words(section: Section, key: str) -> dict[str, str]:
    words = section.inner(key)
    return {str(name): words.need_text(str(name)) for name in words.values}


# ── files ──
def _name(section: Section, key: str) -> str:
    return section.text(key) or key


def _content(section: Section, key: str, contents: Files) -> bytes | None:
    path = section.text(key)
    if path is None:
        return None
    if path not in contents:
        section.complain(f'there is no file "{path}"', key)
    return contents.get(path)


def _read_env(section: Section, contents: Files) -> dict[str, str]:
    text = _content(section, "env_file", contents)
    if text is None:
        return {}
    try:
        return read_variables(text.decode())
    except ValueError as error:
        name = _name(section, "env_file")
        section.problems.append(Problem(place="", message=str(error), file=name))
        return {}


def _document(
    section: Section, key: str, contents: Files, variables: Mapping[str, str]
) -> Any:
    text = _content(section, key, contents)
    if text is None:
        return None
    try:
        return read_yaml(text, variables)
    except BadYaml as error:
        name = _name(section, key)
        section.problems.append(Problem(place="", message=str(error), file=name))
        return None


# ── what is offered, and reached ──
def _offered(section: Section, services: Services) -> dict[str, Chain]:
    names = section.texts("offer")
    if section.get("offer") is None:
        return services.chains
    for name in names:
        if name not in services.chains:
            section.complain(f'there is no service "{name}" to offer', "offer")
    return {name: chain for name, chain in services.chains.items() if name in names}


def _check_bindings(
    section: Section, chains: Mapping[str, Chain], bindings: Mapping[str, Binding]
) -> None:
    file = _name(section, "services")
    for chain in chains.values():
        for step in chain.steps:
            problem = _unreached(bindings, chain, step)
            if problem is not None:
                place = f"{chain.name}: step {step.number}"
                section.problems.append(
                    Problem(place=place, message=problem, file=file)
                )


def _unreached(bindings: Mapping[str, Binding], chain: Chain, step: Step) -> str | None:
    found = find_binding(bindings, chain, step)
    if found is None:
        return f'no binding for image "{step.image}"' if step.image else None
    if found.reach is Reach.HTTP and found.url is None:
        return "its binding has no url, nor has the service"
    return None
