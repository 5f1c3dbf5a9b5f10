"""What of the settings a call goes by, kept with its job: no reload changes it."""

from __future__ import annotations

from typing import Any, Final

from harpcaller.adapters.adapter import CoreLimits
from harpcaller.adapters.harmony.bindings import image_key, keys_of
from harpcaller.adapters.harmony.loading import load
from harpcaller.adapters.harmony.settings import Settings
from protocol.call import Call
from protocol.jsontext import JsonValue, decode, encode

# Names that stand for files here; nothing is read.
_SERVICES: Final = "services"
_BINDINGS: Final = "bindings"


class NotKept(ValueError):
    """Settings that were kept can no longer be read: another version wrote them."""


def keep(settings: Settings, call: Call) -> bytes:
    """Return the settings of an admitted call: those of its service, in full.

    They are written as they were, so that the code that read them reads them again.
    A reload may have taken the service away while the call waited.
    """
    written, chain = settings.written, settings.chains.get(call.procedure)
    offered = [] if chain is None else [chain]
    wanted = {
        key for each in offered for step in each.steps for key in keys_of(each, step)
    }
    bindings: dict[str, JsonValue] = {
        str(key): written.bindings[key]
        for key in written.bindings
        if image_key(str(key)) in wanted
    }
    table = {key: written.table[key] for key in written.table if key != "env_file"}
    names = {
        "services": _SERVICES,
        "bindings": _BINDINGS,
        "offer": [each.name for each in offered],
    }
    kept: dict[str, Any] = {
        "table": table | names,
        "services": {
            settings.environment: [written.services[each.name] for each in offered]
        },
        "bindings": bindings,
        "max_exec_s": written.core_max_exec_s,
        "max_worker_line_bytes": settings.max_worker_line_bytes,
    }
    return encode(kept)


def restore(kept: bytes) -> Settings:
    """Return the settings that `keep` wrote; they offer one service.

    Raises:
        NotKept: they have problems now.
    """
    value: Any = decode(kept)
    limits = CoreLimits(
        max_exec_s=value["max_exec_s"],
        max_worker_line_bytes=value["max_worker_line_bytes"],
    )
    # JSON is YAML.
    files = {name: bytes(encode(value[name])) for name in (_SERVICES, _BINDINGS)}
    loaded = load(value["table"], files, limits)
    if isinstance(loaded, Settings):
        return loaded
    raise NotKept("; ".join(problem.message for problem in loaded))
