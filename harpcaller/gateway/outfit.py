"""The gateway with all that it serves: the one place that knows each part."""

from __future__ import annotations

from pathlib import Path

from harpcaller import descriptors
from harpcaller.gateway.app import application
from harpcaller.gateway.connection import Patience
from harpcaller.gateway.exposition import Exposition, Sources
from harpcaller.gateway.operations import operations
from harpcaller.gateway.readiness import Readiness
from harpcaller.gateway.server import Caps, Gateway
from harpcaller.gateway.treatment import Requests, Treatment

__all__ = ["Sources", "outfitted"]

_SHARE = 8  # of the descriptors that we may have, one in so many
_MAX_CONNECTIONS = 1024


def outfitted(
    sources: Sources, *, state_dir: Path, min_free_bytes: int, send_timeout_s: float
) -> Gateway:
    """Return a gateway that serves health and metrics."""
    requests = Requests()
    dispatcher = sources.dispatcher
    readiness = Readiness(state_dir, min_free_bytes, dispatcher)
    exposition = Exposition(sources, requests, lambda: gateway.connection_count)
    app = application(operations(readiness, exposition.text))
    gateway = Gateway(
        Treatment(app, requests),
        Patience(send_s=send_timeout_s),
        Caps(max_connections=min(_MAX_CONNECTIONS, descriptors.limit() // _SHARE)),
    )
    return gateway
