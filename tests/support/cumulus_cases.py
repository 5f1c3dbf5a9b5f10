"""Reads cases of tests/corpus/cumulus from stdin, and writes what comes of each.

One JSON object a line, in order and at once; it never looks at `expected`.
"""

from __future__ import annotations

import sys
from typing import Any

from cumulus_task_cases import run_task_case

from protocol.jsontext import decode, encode


def run_case(case: Any) -> Any:
    """Return what comes of a case of either kind."""
    if "workflow" in case:
        from cumulus_workflow_cases import run_workflow_case  # noqa: PLC0415

        return run_workflow_case(case)
    return run_task_case(case)


def main() -> None:
    """Answer each line."""
    for line in sys.stdin.buffer:
        case = decode(line)
        assert isinstance(case, dict)
        case.pop("expected", None)
        sys.stdout.buffer.write(encode(run_case(case)) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
