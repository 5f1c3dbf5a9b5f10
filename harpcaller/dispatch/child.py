"""The job that a parent's Submit makes."""

from __future__ import annotations

import attrs

from harpcaller.adapters.machine import child_id
from harpcaller.store import Claim, NewJob, OnLoss
from protocol.call import Call
from protocol.jsontext import JsonText, JsonValue, decode, encode


def child_job(
    parent: Claim, key: str, call: Call, timeout_s: float, max_exec_s: float
) -> NewJob:
    """Return the child `key` of a parent; asked again it is the same job.

    Its id takes the place of a key of the call's. Who may see the parent may see it.
    """
    info = _info(parent, key, call.info)
    return NewJob(
        job_id=child_id(parent.job_id, key),
        call=attrs.evolve(call, info=info, key=None),
        timeout_s=timeout_s,
        max_exec_s=max_exec_s,
        identity=parent.record.identity,
        parent=parent.job_id,
        on_loss=OnLoss.RETRY if call.retries else OnLoss.END,
    )


def _info(parent: Claim, key: str, text: JsonText) -> JsonText:
    """Return what shows to readers whose child it is, beside the call's own info."""
    info = decode(text)
    shown: dict[str, JsonValue] = {}
    if isinstance(info, dict):
        shown |= info
    elif info is not None:
        shown["info"] = info
    return encode(shown | {"parent": parent.job_id, "key": key})
