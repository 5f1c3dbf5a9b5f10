"""The Panoptes Monitor Specification as a server: workflows that others run."""

from __future__ import annotations

from typing import Final

from harpcaller.adapters.adapter import Adapter
from harpcaller.adapters.panoptes.admission import admit
from harpcaller.adapters.panoptes.routes import ROUTES
from harpcaller.adapters.panoptes.settings import files, load
from harpcaller.adapters.panoptes.workflow import Workflow

ADAPTER: Final = Adapter(
    name="panoptes", files=files, load=load, admit=admit, fed=Workflow, routes=ROUTES
)
