"""The adapter of NASA Harmony: what the dispatcher is given of it."""

from __future__ import annotations

from typing import Final

from harpcaller.adapters.adapter import Adapter
from harpcaller.adapters.harmony.admission import admit
from harpcaller.adapters.harmony.intake import ROUTES
from harpcaller.adapters.harmony.keeping import keep
from harpcaller.adapters.harmony.loading import files, load, places
from harpcaller.adapters.harmony.making import make_machine

ADAPTER: Final = Adapter(
    name="harmony",
    files=files,
    load=load,
    admit=admit,
    keep=keep,
    machine=make_machine,
    routes=ROUTES,
    places=places,
    check_status=2,  # as `harp-harmony plan`, which reads the same files
)
