"""What clients may be allowed to do."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What an identity may do; `admin` is all of it."""

    SUBMIT = "submit"
    READ = "read"
    CANCEL = "cancel"
    ADMIN = "admin"
