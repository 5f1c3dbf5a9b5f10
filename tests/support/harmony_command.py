"""The command `harp-harmony plan`, run in this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest
from harmony_corpus import CORPUS

from harpcaller.tools.harmony import main

CONFIG = CORPUS / "own/adapter.toml"


@attrs.frozen
class Planning:
    """Plans messages; `capsys` catches what is printed."""

    capsys: pytest.CaptureFixture[str]

    def __call__(
        self, service: str, message: Any, *more: str, config: Path = CONFIG
    ) -> tuple[int, list[Any]]:
        """Return the exit code, and the value of each line that was printed."""
        if isinstance(message, Path):
            given = ["--harmony-input-file", str(message)]
        else:
            text = message if isinstance(message, str) else json.dumps(message)
            given = ["--harmony-input", text]
        words = ["plan", "--config", str(config), "--service", service]
        code = main([*words, *given, *more])
        lines = self.capsys.readouterr().out.splitlines()
        return code, [json.loads(line) for line in lines]
