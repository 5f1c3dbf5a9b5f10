"""DEP 6 CSAPI: services that are registered, invoked as jobs, and asked about."""

from __future__ import annotations

from typing import Final

from harpcaller.adapters.adapter import Adapter
from harpcaller.adapters.csapi.host import admit
from harpcaller.adapters.csapi.routes import ROUTES
from harpcaller.adapters.csapi.settings import doubts, files, load

ADAPTER: Final = Adapter(
    name="csapi",
    files=files,
    load=load,
    admit=admit,
    routes=ROUTES,
    doubts=doubts,
)
