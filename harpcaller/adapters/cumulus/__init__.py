"""NASA Cumulus: ingest workflows whose tasks hand one message on."""

from __future__ import annotations

from typing import Final

from harpcaller.adapters.adapter import Adapter
from harpcaller.adapters.cumulus.admission import admit, keep
from harpcaller.adapters.cumulus.config import files, load
from harpcaller.adapters.cumulus.making import make_machine
from harpcaller.adapters.cumulus.route import ROUTE

ADAPTER: Final = Adapter(
    name="cumulus",
    files=files,
    load=load,
    admit=admit,
    keep=keep,
    machine=make_machine,
    routes=(ROUTE,),
    opens_sealed=True,
)
