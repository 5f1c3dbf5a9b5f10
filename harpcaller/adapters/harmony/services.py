"""services.yml as Harmony writes it, read into chains; all problems at once."""

from __future__ import annotations

from typing import Any, Final

import attrs

from harpcaller.adapters.adapter import Problem
from harpcaller.adapters.harmony.chains import (
    Capabilities,
    Chain,
    Step,
    is_locator,
    untagged,
)
from harpcaller.adapters.harmony.facts import NEWEST
from harpcaller.adapters.harmony.refusals import Refusal
from harpcaller.adapters.harmony.section import Section
from harpcaller.adapters.harmony.steps import read_steps
from harpcaller.adapters.harmony.versions import read_version

DEFAULT_PARALLELISM: Final = 2


@attrs.frozen(kw_only=True)
class Services:
    """What one environment offers, by name, in the order of the file.

    `disabled` were switched off; `skipped` cannot be run, each with a warning.
    """

    chains: dict[str, Chain]
    written: dict[str, Any] = attrs.field(factory=dict, repr=False)
    disabled: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def read_services(
    document: Any, environment: str, file: str, problems: list[Problem]
) -> Services:
    """Return the services of an environment; what is wrong is added to `problems`."""
    top = Section(document if isinstance(document, dict) else {}, problems, "", file)
    listed = top.get(environment)
    if not isinstance(listed, list):
        top.complain("expected a list of services", environment)
        return Services(chains={})
    chains: dict[str, Chain] = {}
    disabled: list[str] = []
    skipped: list[str] = []
    seen: set[str] = set()
    written: dict[str, Any] = {}
    for place, values in enumerate(listed):
        service = _section(top, values, place)
        name = service.need_text("name")
        if name in seen:
            service.complain("there is another service of that name")
        seen.add(name)
        if not service.flag("enabled", default=True):
            disabled.append(name)
        elif _is_template(service):
            skipped.append(name)
        else:
            chains[name] = _read_chain(service, name)
            written[name] = service.values
    return Services(
        chains=chains,
        written=written,
        disabled=tuple(disabled),
        skipped=tuple(skipped),
        warnings=tuple(
            f"{name} is skipped: its steps are in an Argo template" for name in skipped
        ),
    )


def _section(top: Section, values: Any, place: int) -> Section:
    fields = values if isinstance(values, dict) else {}
    name = fields.get("name")
    return Section(
        fields,
        top.problems,
        name if isinstance(name, str) and name else f"service {place + 1}",
        top.file,
    )


def _is_template(service: Section) -> bool:
    """Tell whether only the granule locator of a chain is named here."""
    if service.get("steps") is not None:
        return False
    image = service.inner("type").inner("params").get("image")
    return isinstance(image, str) and is_locator(untagged(image))


def _read_chain(service: Section, name: str) -> Chain:
    kind = service.inner("type")
    params = kind.inner("params")
    able = _read_capabilities(service.inner("capabilities"))
    sync_granules = service.count("maximum_sync_granules")
    parallelism = params.count("parallelism", least=1)
    return Chain(
        name=name,
        minor=_read_minor(service),
        steps=_read_steps(service, kind, able),
        capabilities=able,
        parallelism=DEFAULT_PARALLELISM if parallelism is None else parallelism,
        batch_size=service.count("batch_size", least=0) or 0,
        max_sync_granules=1 if sync_granules is None else max(0, sync_granules),
        max_async_granules=service.count("maximum_async_granules"),
        collections=_read_collections(service, able),
        env=_read_env(params),
        url=params.text("url") if kind.get("name") == "http" else None,
    )


def _read_minor(service: Section) -> int:
    version = service.get("data_operation_version")
    if version is None:
        return NEWEST
    try:
        return read_version(version)
    except Refusal as refusal:
        service.complain(f"data_operation_version: {refusal.message}")
        return NEWEST


def _read_steps(
    service: Section, kind: Section, able: Capabilities
) -> tuple[Step, ...]:
    if service.get("steps") is not None:
        return read_steps(service, able)
    params = kind.inner("params")
    if kind.get("name") == "http":
        return (Step(number=1, image=service.text("name") or ""),)
    image = params.text("image") or params.text("template")
    if image is None:
        service.complain("step 1: no image")
        return ()
    return (Step(number=1, image=untagged(image)),)


def _read_capabilities(section: Section) -> Capabilities:
    subsetting = section.inner("subsetting")
    averaging = section.inner("averaging")
    return Capabilities(
        bbox=subsetting.flag("bbox"),
        shape=subsetting.flag("shape"),
        temporal=subsetting.flag("temporal"),
        variable=subsetting.flag("variable"),
        multiple_variable=subsetting.flag("multiple_variable"),
        dimension=subsetting.flag("dimension"),
        reprojection=section.flag("reprojection"),
        concatenation=section.flag("concatenation"),
        extend=section.flag("extend"),
        averaging=frozenset(word for word in ("time", "area") if averaging.flag(word)),
        all_collections=section.flag("all_collections"),
        output_formats=section.texts("output_formats"),
    )


def _read_collections(service: Section, able: Capabilities) -> frozenset[str] | None:
    """Return the collections that are served, None where only the CMR knows all."""
    listed = service.get("collections")
    if listed is None:
        return None
    ids: list[str] = []
    for collection in listed if isinstance(listed, list) else [listed]:
        at = collection.get("id") if isinstance(collection, dict) else collection
        if isinstance(at, str):
            ids.append(at)
        else:
            service.wrong("collections", "a list of ids")
    if service.get("umm_s") is not None or able.all_collections:
        return None
    return frozenset(ids)


def _read_env(params: Section) -> dict[str, str]:
    return {
        str(name): str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in params.inner("env").values.items()
        if value is not None
    }
