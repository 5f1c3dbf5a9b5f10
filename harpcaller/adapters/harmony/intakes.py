"""The ways by which a request comes in, and the host that it is a call to."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

HOST: Final = "@harmony"


class Intake(StrEnum):
    """The way by which a request came in."""

    LINE = "line"
    HTTP = "http"
    CLI = "cli"
