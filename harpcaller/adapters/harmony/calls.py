"""The call that one attempt of a unit makes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from harpcaller.adapters.harmony.bindings import Argument, Binding, Constant, Reach
from harpcaller.adapters.harmony.chains import Step
from harpcaller.adapters.harmony.granules import Granule
from harpcaller.adapters.harmony.judging import Judged
from harpcaller.adapters.harmony.refusals import Code, Refusal
from harpcaller.adapters.harmony.settings import Settings
from harpcaller.adapters.harmony.units import Unit, unit_dir
from protocol.call import Call, QueueSpec, seal
from protocol.job import JobId
from protocol.jsontext import JsonText, JsonValue, canonical, encode

LARGE_MESSAGE_BYTES: Final = 256 * 1024  # larger ones travel as a file
_TOKEN: Final = "accessToken"  # noqa: S105 (the name of a field)
# Environments of services carry passwords; nobody is to see them in a job's status.
_SECRET_NAME: Final = re.compile(
    r"PASSWORD|PASSWD|SECRET|TOKEN|KEY|CREDENTIAL", re.IGNORECASE
)
_WORKER_OVERHEAD_BYTES: Final = 2048  # of the line: procedure, user, password
_SHOWN_CHARACTERS: Final = 200  # of a client's name


@attrs.frozen(kw_only=True)
class Work:
    """What one call is to do: its unit, message and inputs.

    `sources` is a path, URL or bundle; `granules` are empty where they are not known
    yet. `message_file` is where a large message stands.
    """

    unit: Unit
    step: Step
    message: Mapping[str, Any] = attrs.field(repr=False)
    sources: JsonValue
    granules: Sequence[Granule] = ()
    message_file: str | None = None


def make_call(
    settings: Settings, judged: Judged, job_id: JobId, work: Work, attempt: int
) -> Call:
    """Return the call; what is secret in it is sealed.

    Raises:
        Refusal: E18, it is larger than a worker's line.
    """
    binding = settings.binding(judged.chain, work.step)
    arguments, pointers = _arguments(settings, judged, job_id, work, attempt)
    sealed = seal(arguments, pointers)
    call = Call(
        host=binding.hosts[work.unit.batch % len(binding.hosts)],
        procedure=binding.procedure,
        arguments=encode(arguments),
        timeout_s=binding.timeout_s,
        max_exec_s=binding.max_exec_s,
        queue=_queue(judged, binding),
        info=_info(judged, job_id, work, attempt),
        sealed=sealed,
    )
    size = len(call.arguments) + sum(len(each.value) for each in sealed)
    if size + _WORKER_OVERHEAD_BYTES > settings.max_worker_line_bytes:
        raise Refusal(Code.TOO_LARGE, "Request is too large for the dispatcher")
    return call


def _arguments(
    settings: Settings, judged: Judged, job_id: JobId, work: Work, attempt: int
) -> tuple[Any, list[str]]:
    """Return the arguments, and pointers to what is secret in them."""
    binding = settings.binding(judged.chain, work.step)
    if binding.reach is Reach.METHOD:
        return _method_arguments(binding, work)
    arguments: dict[str, Any] = {"unit": work.unit.key, "attempt": attempt}
    pointers = _add_message(arguments, work)
    if binding.reach is Reach.HTTP:
        arguments["url"] = binding.url
        return arguments, pointers
    out = None
    shared = settings.shared_dir(binding)
    if shared is not None:
        out = f"{unit_dir(shared, job_id, work.unit)}/a{attempt}/out"
    env = _env(judged, binding, work.step)
    arguments |= {
        "sources": work.sources,
        "metadata_dir": out,
        "data_location": None,
        "env": env,
    }
    secrets = [f"/env/{name}" for name in env if _SECRET_NAME.search(name)]
    return arguments, [*pointers, *secrets]


def _add_message(arguments: dict[str, Any], work: Work) -> list[str]:
    """Add the message, or the file that has it less the token."""
    if work.message_file is None:
        arguments["message"] = dict(work.message)
        return [f"/message/{_TOKEN}"] if _TOKEN in work.message else []
    arguments["message_file"] = work.message_file
    if _TOKEN not in work.message:
        return []
    arguments[_TOKEN] = work.message[_TOKEN]
    return [f"/{_TOKEN}"]


def _env(judged: Judged, binding: Binding, step: Step) -> dict[str, str]:
    told = {
        "APP_NAME": step.image,
        "HARP_SERVICE_TITLE": binding.title,
        "HARP_SERVICE_VERSION": binding.version,
    }
    known = {name: value for name, value in told.items() if value is not None}
    return {**known, **judged.chain.env, **binding.env}


def _queue(judged: Judged, binding: Binding) -> QueueSpec:
    """Return the queue that all steps of a request share."""
    name: dict[str, JsonValue] = {"harmony": judged.chain.name}
    if not binding.is_per_service:
        name["request"] = judged.message.request_id
    elif judged.is_sync:
        name["sync"] = True  # apart, so that no long run can starve it
    return QueueSpec(name=canonical(name), concurrency=judged.chain.parallelism)


def _info(judged: Judged, job_id: JobId, work: Work, attempt: int) -> JsonText:
    return encode(
        {
            "parent": job_id,
            "key": work.unit.call_key(attempt),
            "harmony": {
                "request": judged.message.request_id,
                "service": judged.chain.name,
                "image": work.step.image,
                "step": work.unit.step,
                "steps": len(judged.steps),
                "batch": work.unit.batch,
                "attempt": attempt,
                "client": judged.message.fields["client"][:_SHOWN_CHARACTERS],
            },
        }
    )


# ── plain procedures ──
def _method_arguments(binding: Binding, work: Work) -> tuple[Any, list[str]]:
    wanted = binding.arguments
    if isinstance(wanted, Mapping):
        values = {name: _value(want, work) for name, want in wanted.items()}
        named: dict[str, Any] = {
            name: value[0] for name, value in values.items() if value
        }
        secret = [f"/{_escaped(name)}" for name in named if _is_secret(wanted[name])]
        return named, secret
    found = [(want, _value(want, work)) for want in wanted]
    kept = [(want, value[0]) for want, value in found if value]
    places = [f"/{place}" for place, (want, _) in enumerate(kept) if _is_secret(want)]
    return [value for _, value in kept], places


def _value(want: Argument, work: Work) -> list[Any]:
    """Return the value of an argument in a list, an empty one if it is absent."""
    if isinstance(want, Constant):
        return [want.value]
    if want == "@granules":
        return [[href for granule in work.granules for href in granule.hrefs]]
    if want == "@items":
        return [[dict(granule.item) for granule in work.granules]]
    return _pointed(work.message, want)


def _pointed(value: Any, pointer: str) -> list[Any]:
    """Return what a pointer (RFC 6901) leads to, in a list, or an empty one."""
    for token in pointer[1:].split("/"):
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            return []
    return [value]


def _is_secret(want: Argument) -> bool:
    return want == f"/{_TOKEN}"


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
