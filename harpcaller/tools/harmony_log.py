"""What a container tells while it runs: JSON lines, as Harmony collects them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import attrs

from protocol.jsontext import encode


@attrs.define
class Log:
    """Writes one line for each thing that happened; `about` is in every line."""

    write: Callable[[str], object]
    about: dict[str, Any] = attrs.field(factory=dict)

    def tell(self, message: str, **facts: Any) -> None:
        """Tell of a life event."""
        self._write("INFO", message, facts)

    def complain(self, message: str, **facts: Any) -> None:
        """Tell why it failed."""
        self._write("ERROR", message, facts)

    def _write(self, level: str, message: str, facts: dict[str, Any]) -> None:
        line = {
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "level": level,
            "application": "harp-harmony",
            "message": message,
            **self.about,
            **facts,
        }
        self.write(f"{encode(line).decode()}\n")
