"""The gateway with all that it serves: the one place that knows each part."""

from __future__ import annotations

import time
from pathlib import Path

import attrs

from harpcaller import descriptors
from harpcaller.adapters.machine import Post
from harpcaller.gateway.adapter_routes import adapter_endpoints
from harpcaller.gateway.app import application
from harpcaller.gateway.connection import Patience
from harpcaller.gateway.exposition import Exposition, Sources
from harpcaller.gateway.house import House
from harpcaller.gateway.lists import Hosts
from harpcaller.gateway.means import Whole
from harpcaller.gateway.native_table import native_endpoints
from harpcaller.gateway.openapi import with_document
from harpcaller.gateway.operations import operations
from harpcaller.gateway.readiness import Readiness
from harpcaller.gateway.server import Caps, Gateway
from harpcaller.gateway.treatment import Requests, Treatment
from harpcaller.runners.installed import Installed
from harpcaller.runners.outside.carriers import Carriers
from harpcaller.runners.transfers import Reply

__all__ = ["House", "Outfit", "Sources", "outfitted"]

_SHARE = 8  # of the descriptors that we may have, one in so many
_MAX_CONNECTIONS = 1024


@attrs.frozen(kw_only=True)
class Outfit:
    """What is served, and from what."""

    sources: Sources
    hosts: Hosts
    state_dir: Path
    min_free_bytes: int
    send_timeout_s: float


def outfitted(outfit: Outfit, house: House) -> Gateway:
    """Return a gateway that serves calls, adapters, health and metrics.

    Raises:
        Collision: two adapters want the same path.
    """
    requests = Requests()
    dispatcher = outfit.sources.dispatcher
    readiness = Readiness(outfit.state_dir, outfit.min_free_bytes, dispatcher)
    exposition = Exposition(
        outfit.sources, requests, lambda: (gateway.connection_count, house.followers)
    )
    carriers = Carriers(time.time)  # what handlers tell others is little

    async def post(installed: Installed, post: Post) -> Reply:
        return await carriers.outside(installed).post(post)

    endpoints = [
        *native_endpoints(dispatcher, house, outfit.hosts),
        *adapter_endpoints(Whole(dispatcher, post, readiness.reasons, house)),
        *operations(readiness, exposition.text),
    ]
    app = application(with_document(endpoints), house)
    gateway = Gateway(
        Treatment(app, requests, house),
        Patience(send_s=outfit.send_timeout_s),
        Caps(max_connections=min(_MAX_CONNECTIONS, descriptors.limit() // _SHARE)),
    )
    return gateway
