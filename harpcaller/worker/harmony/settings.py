"""What an operator says of a Harmony service; it goes to the call's process as JSON."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import attrs

from protocol.jsontext import JsonValue

_COMMON = (
    "unit: string, attempt: integer = 0, message: object = null, "
    "message_file: path = null, accessToken: string = null"
)


class InputMode(StrEnum):
    """How a service gets its message, as harpd.toml names it."""

    AUTO = "auto"
    FILE = "file"
    INLINE = "inline"


@attrs.frozen(kw_only=True)
class HarmonyCli:
    """A service that is run, built on harmony-service-lib or in its manner.

    `environment` is what is told to it beside what every call of the profile has.
    `secret_key` is of 32 bytes, or empty: then tokens are taken as they are.
    """

    name: str
    argv: tuple[str, ...]
    description: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    env_allow: tuple[str, ...] = ()
    secret_key: str = attrs.field(default="", repr=False)
    input_mode: InputMode = InputMode.AUTO
    roots: tuple[str, ...] = ()
    s3_allow: tuple[str, ...] = ()
    private_dir: str = "/tmp"  # noqa: S108 (folders in it are new, and their owner's)
    streams: bool = True

    @property
    def signature(self) -> str:
        """What may be given, in the manner of Python."""
        return (
            f"({_COMMON}, sources: any = null, metadata_dir: path = null, "
            "data_location: string = null, env: object = {})"
        )

    @property
    def doc(self) -> str:
        """What callers are told of it."""
        return self.description

    @property
    def folders(self) -> tuple[str, ...]:
        """What has to be there before a call comes."""
        return (*self.roots, self.private_dir)


@attrs.frozen(kw_only=True)
class HarmonyHttp:
    """A service that is asked by POST; what it answers is stored in `data_dir`."""

    name: str
    data_dir: str
    url_allow: tuple[str, ...]
    description: str = ""
    secret_key: str = attrs.field(default="", repr=False)
    roots: tuple[str, ...] = ()
    streams: bool = True

    @property
    def signature(self) -> str:
        """What may be given, in the manner of Python."""
        return f"({_COMMON}, url: string)"

    @property
    def doc(self) -> str:
        """What callers are told of it."""
        return self.description

    @property
    def folders(self) -> tuple[str, ...]:
        """What has to be there before a call comes."""
        return (*self.roots, self.data_dir)


def write_settings(what: HarmonyCli | HarmonyHttp) -> JsonValue:
    """Return settings as a value that goes to a call's process."""
    fields: dict[str, Any] = attrs.asdict(what, recurse=False)
    return {
        name: [*value] if isinstance(value, tuple) else value
        for name, value in fields.items()
    } | (
        {"environment": dict(what.environment)} if isinstance(what, HarmonyCli) else {}
    )


def read_cli(value: Any) -> HarmonyCli:
    """Return the settings that harpd wrote."""
    return HarmonyCli(
        **{
            **value,
            "argv": tuple(value["argv"]),
            "environment": tuple(value["environment"].items()),
            "env_allow": tuple(value["env_allow"]),
            "input_mode": InputMode(value["input_mode"]),
            "roots": tuple(value["roots"]),
            "s3_allow": tuple(value["s3_allow"]),
        }
    )


def read_http(value: Any) -> HarmonyHttp:
    """Return the settings that harpd wrote."""
    return HarmonyHttp(
        **{
            **value,
            "url_allow": tuple(value["url_allow"]),
            "roots": tuple(value["roots"]),
        }
    )
