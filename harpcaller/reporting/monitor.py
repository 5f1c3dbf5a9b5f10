"""One monitor over HTTP: found, asked, and followed where it may lead us."""

from __future__ import annotations

import attrs

from harpcaller.adapters.monitors import ReportingSettings
from harpcaller.adapters.panoptes.reporting_dialect import (
    PROBES,
    Asked,
    Created,
    Dialect,
    Verdict,
    beginning,
    created,
    creation,
    hop,
    is_redirect,
    is_running,
    update,
    verdict_of,
)
from harpcaller.adapters.panoptes.reporting_messages import Message
from harpcaller.adapters.places import origin_of
from harpcaller.runners.outside.http_client import HttpClient
from harpcaller.runners.outside.http_messages import HttpAnswer, HttpRequest
from harpcaller.runners.outside.http_targets import NoTarget, Target, read_target

MAX_HOPS = 5
MAX_HEARD_BYTES = 64 * 1024


class Misled(Exception):
    """The monitor sends us where we may not go, or in circles."""


@attrs.define
class Monitor:
    """A monitor, and the dialect that it was found to speak, if it was."""

    _settings: ReportingSettings
    _client: HttpClient
    dialect: Dialect | None = None
    _prefix: str = ""

    async def find(self) -> bool:
        """Tell whether it runs; from then on it is spoken to in the first dialect.

        Raises:
            Misled: see there.
            NoAnswer: it is not to be reached.
        """
        for dialect in Dialect:
            self._prefix = beginning(self._settings.url, dialect)
            answer = await self._ask(PROBES[dialect])
            if is_running(dialect, answer.status, bytes(answer.body)):
                self.dialect = dialect
                return True
        return False

    def lose(self) -> None:
        """Have it found anew."""
        self.dialect = None

    async def create(self, dialect: Dialect, name: str) -> Created | None:
        """Return a new workflow, None if it made none.

        Raises:
            Misled, NoAnswer: as above.
        """
        answer = await self._ask(creation(dialect, name))
        location = answer.headers.get("location")
        return created(dialect, answer.status, bytes(answer.body), location)

    async def tell(self, dialect: Dialect, id_: str, message: Message) -> Verdict:
        """Tell of a workflow; return what became of that.

        Raises:
            Misled, NoAnswer: as above.
        """
        answer = await self._ask(update(dialect, id_, message))
        return verdict_of(answer.status)

    async def _ask(self, asked: Asked) -> HttpAnswer:
        url = self._prefix + asked.path
        seen: set[str] = set()
        while url not in seen and len(seen) <= MAX_HOPS:
            seen.add(url)
            answer = await self._client.ask(
                self._request(asked, url), (), frozenset(), MAX_HEARD_BYTES
            )
            if not is_redirect(answer.status):
                return answer
            url = self._led(asked, url, answer)
        raise Misled(f"it leads in circles, or too far: {origin_of(url)}")

    def _led(self, asked: Asked, url: str, answer: HttpAnswer) -> str:
        there = hop(url, answer.status, answer.headers.get("location"))
        if there is None:
            raise Misled(f"it answers {answer.status} and does not say where")
        is_ours = origin_of(there.url) == origin_of(self._settings.url)
        if not is_ours and not self._settings.follow_foreign:
            raise Misled(f"it leads to {origin_of(there.url)}: see follow_foreign")
        if not there.is_for_good:
            return there.url
        self._prefix = there.url.removesuffix(asked.path)
        return self._prefix + asked.path

    def _request(self, asked: Asked, url: str) -> HttpRequest:
        headers = [("Accept", "application/json")]
        if asked.content_type is not None:
            headers.append(("Content-Type", asked.content_type))
        if self._settings.token is not None:
            headers.append(("Authorization", f"Bearer {self._settings.token}"))
        return HttpRequest(
            method=asked.method,
            target=_target(url),
            headers=tuple(headers),
            body=asked.body,
        )


def _target(url: str) -> Target:
    try:
        return read_target(url)
    except NoTarget as error:
        raise Misled(f"it leads nowhere: {error}") from None
