"""What a run goes by beside its workflow; kept with its job as it was configured."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from harpcaller.adapters.adapter import CoreLimits, Table
from harpcaller.adapters.parts import Part
from protocol.jsontext import JsonValue

_MIB: Final = 2**20
RULE_KEYS: Final = (
    "host_allow",
    "bucket_allow",
    "secret_keys",
    "mask_result",
    "max_exec_time_s",
    "heartbeat_s",
    "max_parsed_bytes",
    "max_resolved_bytes",
    "max_result_bytes",
    "spill_over_bytes",
    "spill_bucket",
    "task_metadata",
)


@attrs.frozen(kw_only=True)
class Rules:
    """Who may be called and read, how large things may be, and what is done besides.

    `core_max_exec_s` is how long any call may run; 0 turns `heartbeat_s` and
    `spill_over_bytes` off.
    """

    host_allow: frozenset[str] = frozenset()
    bucket_allow: frozenset[str] = frozenset()
    secret_keys: tuple[str, ...] = ()
    mask_result: bool = False
    max_exec_s: float = 86400
    heartbeat_s: float = 0
    max_parsed_bytes: int = 4 * _MIB
    max_resolved_bytes: int = 4 * _MIB
    max_result_bytes: int = 4 * _MIB
    spill_over_bytes: int = 0
    spill_bucket: str | None = None
    task_metadata: bool = False
    core_max_exec_s: float = 86400


def read_rules(part: Part, limits: CoreLimits) -> Rules:
    """Return the rules of a table, all that is wrong with them complained of."""
    rules = Rules(
        host_allow=frozenset(_read_hosts(part)),
        bucket_allow=frozenset(part.texts("bucket_allow")),
        secret_keys=_read_patterns(part),
        mask_result=part.flag("mask_result", default=False),
        max_exec_s=part.seconds("max_exec_time_s") or 86400,
        heartbeat_s=part.number("heartbeat_s", least=0) or 0,
        max_parsed_bytes=part.count("max_parsed_bytes", 4 * _MIB, least=1),
        max_resolved_bytes=min(
            part.count("max_resolved_bytes", 4 * _MIB, least=1),
            limits.max_worker_line_bytes,
        ),
        max_result_bytes=part.count("max_result_bytes", 4 * _MIB, least=1),
        spill_over_bytes=part.count("spill_over_bytes", 0),
        spill_bucket=part.text("spill_bucket"),
        task_metadata=part.flag("task_metadata", default=False),
        core_max_exec_s=limits.max_exec_s,
    )
    _complain_of_spill(part, rules)
    return rules


def kept_rules(table: Table, limits: CoreLimits) -> dict[str, JsonValue]:
    """Return what `kept_part` and `read_rules` make the same rules of."""
    said: dict[str, JsonValue] = {key: table[key] for key in RULE_KEYS if key in table}
    core: dict[str, JsonValue] = {
        "max_exec_s": limits.max_exec_s,
        "max_worker_line_bytes": limits.max_worker_line_bytes,
    }
    return {"table": said, "core": core}


def read_kept_rules(kept: Mapping[str, Any]) -> Rules:
    """Return the rules that `kept_rules` wrote."""
    return read_rules(Part(kept["table"], "", []), CoreLimits(**kept["core"]))


def _read_hosts(part: Part) -> tuple[str, ...]:
    hosts = part.texts("host_allow")
    if any(host.startswith("@") for host in hosts):
        part.wrong("host_allow", 'hosts that do not begin with "@"')
    return hosts


def _read_patterns(part: Part) -> tuple[str, ...]:
    patterns = part.texts("secret_keys")
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            part.wrong("secret_keys", f'regular expressions: "{pattern}": {error}')
    return patterns


def _complain_of_spill(part: Part, rules: Rules) -> None:
    if not rules.spill_over_bytes:
        return
    if rules.spill_bucket is None:
        part.wrong("spill_bucket", "a bucket, since spill_over_bytes is set")
    elif rules.spill_bucket not in rules.bucket_allow:
        part.wrong("spill_bucket", "a bucket that is in bucket_allow")
