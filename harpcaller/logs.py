"""How log lines look and where they go; nothing else configures logging."""

from __future__ import annotations

import sys

import orjson
import structlog
from structlog.typing import EventDict, Processor

_LEVELS = {"debug": 10, "info": 20}


def configure(*, debug: bool = False) -> None:
    """Send log lines to the standard error: for people on a terminal, else JSON.

    Events are `noun.past_participle`, facts are keys. Arguments, values and
    credentials are never among them.
    """
    is_terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *_renderers(is_terminal=is_terminal),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            _LEVELS["debug" if debug else "info"]
        ),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


def _renderers(*, is_terminal: bool) -> list[Processor]:
    if is_terminal:
        return [structlog.dev.ConsoleRenderer()]
    return [
        structlog.processors.ExceptionRenderer(),
        structlog.processors.JSONRenderer(serializer=_serialise),
    ]


def _serialise(event: EventDict, **_options: object) -> str:
    return orjson.dumps(event, default=str).decode()
