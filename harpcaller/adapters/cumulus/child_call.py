"""The call of a task: where it goes, what it waits in, what of it is sealed."""

from __future__ import annotations

import attrs

from harpcaller.adapters.cumulus.errors import invalid_workflow, too_large
from harpcaller.adapters.cumulus.execution import Execution
from harpcaller.adapters.cumulus.host import chosen, resolved
from harpcaller.adapters.cumulus.info import execution_name
from harpcaller.adapters.cumulus.templates import Resolver
from harpcaller.adapters.cumulus.workflow import QueueTerms, Reach
from protocol.call import Call, QueueSpec, Sealed, seal
from protocol.jsontext import JsonText, JsonValue, canonical, decode, encode


@attrs.frozen(kw_only=True)
class Made:
    """What a task is to be called with: `text` is that of the arguments.

    `source` is what its host, its queue and its info come from: the message, or with
    plain parameters the document.
    """

    text: JsonText = attrs.field(repr=False)
    source: JsonValue = attrs.field(repr=False)


def make_call(execution: Execution, reach: Reach, made: Made) -> Call:
    """Return the call of a task, but for its info.

    Raises:
        CumulusError: Cumulus.InvalidWorkflow, Cumulus.HostNotAllowed.
    """
    name = execution_name(made.source)
    if name is not None:
        execution.execution_name = name
    host = chosen(reach.host, execution.name)
    rules = execution.rules
    resolver = Resolver(made.source, rules.max_resolved_bytes)
    arguments, sealed = _sealed(execution, made)
    return Call(
        host=resolved(host, resolver, rules.host_allow),
        procedure=reach.procedure,
        arguments=arguments,
        # Tasks do not stream: silence is no sign that one hangs.
        timeout_s=reach.timeout_s or reach.max_exec_s or rules.core_max_exec_s,
        max_exec_s=reach.max_exec_s,
        queue=None if reach.queue is None else _queue(reach.queue, resolver),
        sealed=sealed,
    )


def _queue(terms: QueueTerms, resolver: Resolver) -> QueueSpec:
    concurrency = resolver.resolve(terms.concurrency)
    if type(concurrency) is not int or concurrency < 1:
        raise invalid_workflow("queue.concurrency", "a whole number from 1 on")
    name = resolver.resolve(dict(terms.name))
    assert isinstance(name, dict)  # noqa: S101 (an object stays one)
    return QueueSpec(
        name=canonical({**name, "cumulus": "task"}), concurrency=concurrency
    )


def _sealed(execution: Execution, made: Made) -> tuple[JsonText, tuple[Sealed, ...]]:
    """Return the arguments with "***" in the place of secrets, and the secrets."""
    limit = execution.rules.max_resolved_bytes
    if len(made.text) > limit:
        raise too_large("bytes of the arguments", len(made.text), limit)
    execution.secrets.learn_from(made.source)
    arguments = decode(made.text)
    pointers = execution.secrets.pointers(arguments)
    if not pointers:
        return made.text, ()
    sealed = seal(arguments, pointers)
    return encode(arguments), sealed
