"""How a request ends as a whole: what Harmony is told last, and how the job ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from harpcaller.adapters.harmony.closings import NO_DATA, answered, failed, succeeded
from harpcaller.adapters.harmony.courses import Course, State
from harpcaller.adapters.harmony.delivery import Message
from harpcaller.adapters.harmony.endings import Category
from harpcaller.adapters.harmony.mimes import header_type
from harpcaller.adapters.harmony.parameters import Parameters
from harpcaller.adapters.harmony.publishing import Published
from harpcaller.adapters.harmony.settings import Dialect, NoData

_ERROR: Final = "error"


@attrs.frozen(kw_only=True)
class Verdict:
    """A request's end; without a `category` it was successful."""

    message: Message
    category: Category | None = None
    text: str = ""


@attrs.define(kw_only=True, eq=False)
class Losses:
    """What went wrong: the first failure gives the words.

    `total` counts batches, and inputs that fail by themselves.
    """

    total: int
    alone: int = 0  # inputs that failed by themselves
    category: Category | None = None
    text: str = ""

    def note(self, category: Category, text: str) -> None:
        """Take a failure in."""
        if self.category is None:
            self.category, self.text = category, text

    def sentence(self, failed_batches: int) -> str:
        """Return what users read."""
        if self.total == 1:
            return self.text
        count = failed_batches + self.alone
        return f"{count} of {self.total} items failed: {self.text}"


def failure(dialect: Dialect, category: Category, text: str) -> Verdict:
    """Return the end of a request that failed, wholly or in part."""
    message = Message(parameters=failed(dialect, text), is_last=True)
    return Verdict(message=message, category=category, text=text)


def asynchronous(
    dialect: Dialect, nodata: NoData, courses: Sequence[Course], outputs: int
) -> Verdict:
    """Return the end of a request whose outputs have been told of already."""
    is_empty = any(course.state is State.WARNING for course in courses)
    if not outputs and is_empty and nodata is NoData.ERROR:
        return failure(dialect, Category.NO_DATA, NO_DATA)
    return Verdict(message=Message(parameters=succeeded(dialect), is_last=True))


def synchronous(
    dialect: Dialect, outputs: Sequence[Published], *, may_stream: bool
) -> Verdict:
    """Return the end of a request that somebody waits for."""
    parameters = answered(dialect, [each.parameters for each in outputs])
    told = dict(parameters)
    if _ERROR in told:
        category = Category.SERVICE if outputs else Category.NO_DATA
        return failure(dialect, category, told[_ERROR])
    if may_stream and outputs[0].file is not None:
        return Verdict(message=_streamed(outputs[0], outputs[0].file))
    return Verdict(message=Message(parameters=parameters, is_last=True))


def _streamed(output: Published, file: str) -> Message:
    """Return the message whose body is the output itself."""
    told = dict(output.parameters)
    # No colon either: a reference to what is sealed has some, and would be opened.
    name = "".join(
        character if character.isprintable() and character not in '"\\:' else "_"
        for character in told["item[title]"]
    )
    nothing: Parameters = ()
    return Message(
        parameters=nothing,
        is_last=True,
        file=file,
        headers=(
            ("Content-Type", header_type(told["item[type]"], file)),
            ("Content-Disposition", f'attachment; filename="{name}"'),
        ),
    )
