"""One request handed to a dispatcher, whatever it takes; and taken back."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any, Final

from harpcaller.adapters.harmony.intakes import HOST
from harpcaller.client import (
    ClientError,
    Dispatcher,
    Job,
    NoDispatcher,
    RequestRefused,
    Unreachable,
)
from harpcaller.tools.harmony_stopping import do_within

PATIENCE_S: Final = 60.0  # until a dispatcher is there
CANCEL_S: Final = 30.0
_PAUSE_S: Final = 0.5
_PASSING: Final = frozenset({"shutting_down", "overloaded"})


class Submission:
    """A call to `@harmony` under a key of its own, so that asking again is safe."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        service: str,
        arguments: Mapping[str, Any],
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.job: Job | None = None
        self._dispatcher = dispatcher
        self._service = service
        self._arguments = arguments
        self._patience_s = patience_s
        self._key = str(uuid.uuid4())
        self._is_sent = False

    def submit(self) -> Job:
        """Return the job, once a dispatcher has accepted it.

        Raises:
            RequestRefused: it did not.
            Unreachable: there was none for as long as we were told to be patient.
        """
        give_up_at = time.monotonic() + self._patience_s
        while True:
            try:
                return self._call()
            except (Unreachable, RequestRefused) as error:
                if not _may_pass(error) or time.monotonic() + _PAUSE_S > give_up_at:
                    raise
            time.sleep(_PAUSE_S)

    def cancel(self) -> None:
        """End the job, if there may be one, and wait until it has ended."""
        if self._is_sent:
            do_within(CANCEL_S, self._cancel)

    def _call(self) -> Job:
        self._is_sent = True
        self.job = self._dispatcher.call(
            HOST, self._service, self._arguments, key=self._key
        )
        return self.job

    def _cancel(self) -> None:
        is_over = False
        while not is_over:
            try:
                # An ID that we were not told yet is told now, by the key.
                job = self.job or self._call()
                job.cancel()
                job.result()
            except Unreachable:
                time.sleep(_PAUSE_S)
            except ClientError:
                is_over = True
            else:
                is_over = True


def _may_pass(error: Unreachable | RequestRefused) -> bool:
    if isinstance(error, RequestRefused):
        return error.type in _PASSING
    return not isinstance(error, NoDispatcher)
