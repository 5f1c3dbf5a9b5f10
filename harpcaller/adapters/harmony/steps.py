"""The steps of a service, read from services.yml; wrong ones are complained of."""

from __future__ import annotations

from typing import Any

from harpcaller.adapters.harmony.chains import Capabilities, Step, is_locator, untagged
from harpcaller.adapters.harmony.operations import Operation
from harpcaller.adapters.harmony.section import Section


def read_steps(service: Section, able: Capabilities) -> tuple[Step, ...]:
    """Return the steps of a service that lists them, locators left out."""
    steps: list[Step] = []
    listed = service.get("steps")
    if not isinstance(listed, list):
        service.wrong("steps", "a list")
        return ()
    for values in listed:
        number = len(steps) + 1
        step = _section(service, values, f"step {number}")
        image = untagged(step.need_text("image"))
        if is_locator(image):
            _check_locator(_section(service, values, "granule locator"))
        else:
            steps.append(_read_step(step, number, image, able))
    return tuple(steps)


def _section(service: Section, values: Any, name: str) -> Section:
    place = f"{service.place}: {name}"
    step = Section({}, service.problems, place, service.file)
    if isinstance(values, dict):
        step.values = values
    else:
        step.complain("expected a mapping")
    return step


def _check_locator(step: Section) -> None:
    # It is never called; files of the seed's time do not say how it is.
    if step.get("is_sequential") is not None and not step.flag("is_sequential"):
        step.complain("is_sequential: a granule locator works one page after another")


def _read_step(step: Section, number: int, image: str, able: Capabilities) -> Step:
    conditional = step.inner("conditional")
    extra_args = step.get("extra_args")
    return Step(
        number=number,
        image=image,
        operations=_read_operations(step, able),
        exists=_read_exists(conditional),
        formats=_read_formats(conditional, able),
        native_formats=conditional.inner("umm_c").texts("native_format"),
        waits_for_all=step.flag("always_wait_for_prior_step"),
        is_batched=step.flag("is_batched"),
        max_batch_inputs=step.count("max_batch_inputs", least=1),
        max_batch_bytes=step.count("max_batch_size_in_bytes", least=1),
        extra_args=None if extra_args is None else step.inner("extra_args").values,
    )


def _read_operations(step: Section, able: Capabilities) -> tuple[Operation, ...]:
    operations = _named(step, "operations")
    for operation in operations:
        if not able.allow(operation):
            step.complain(f"operations: the capabilities lack {operation}")
    return operations


def _read_exists(conditional: Section) -> tuple[Operation, ...]:
    exists = _named(conditional, "exists")
    if Operation.REFORMAT in exists:
        conditional.complain("exists: reformat is asked for by a conditional format")
    return exists


def _named(section: Section, key: str) -> tuple[Operation, ...]:
    operations: list[Operation] = []
    for word in section.texts(key):
        if word in set(Operation):
            operations.append(Operation(word))
        else:
            section.complain(f'{key}: unknown operation "{word}"')
    return tuple(operations)


def _read_formats(conditional: Section, able: Capabilities) -> tuple[str, ...] | None:
    if conditional.get("format") is None:
        return None
    formats = conditional.texts("format")
    for mime in formats:
        if mime and mime not in able.output_formats:
            conditional.complain(f'format: "{mime}" is not in output_formats')
    return formats
