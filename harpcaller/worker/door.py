"""The door that each call has to pass: is it that user, and may he call that?"""

from __future__ import annotations

import hmac
import os
from collections import Counter, OrderedDict
from functools import partial

import trio

from harpcaller.failures import MAX_FAILURES, FailureLog, network_of
from harpcaller.peerlog import PeerLog
from harpcaller.worker.users import Users
from protocol.harp import HarpCall
from protocol.harp_worker import Refusal, Refused

_MAX_KNOWN = 1024
_MAX_THREADS = 2  # each takes a core and 16 MiB
_MAX_CHECKS = MAX_FAILURES  # at a time from one origin: nobody fills the line of all


class Door:
    """Lets calls pass; owns the passwords that were right, as keyed digests.

    A dispatcher says its password with each call, and a check takes 50 ms: so what was
    right is remembered until the users change.
    """

    def __init__(self, users: Users, failures: FailureLog, peer_log: PeerLog) -> None:
        self.users = users
        self._failures = failures
        self._peer_log = peer_log
        self._secret = os.urandom(32)
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._checking: dict[bytes, trio.Event] = {}
        self._checks: Counter[str] = Counter()
        self._threads = trio.CapacityLimiter(_MAX_THREADS)

    async def admit(self, call: HarpCall, host: str, *, is_open: bool = False) -> None:
        """Return if `call`, which came from `host`, may be carried out.

        What `is_open` every user may call.

        Raises:
            Refused: `auth_error`, after a while where a password was wrong.
        """
        if self.users.is_empty:
            return
        if not await self._is_right(call, network_of(host)):
            self._peer_log.warn("call.unauthorized", host, user=call.user)
            raise Refused(Refusal.AUTH_ERROR, "unknown user or wrong password")
        if not is_open and not self.users.may_call(call.user, call.procedure):
            self._peer_log.warn("call.forbidden", host, user=call.user)
            message = f'this user may not call "{call.procedure}"'
            raise Refused(Refusal.AUTH_ERROR, message)

    async def _is_right(self, call: HarpCall, origin: str) -> bool:
        digest = self._digest(call)
        while digest in self._checking:  # a dispatcher's calls come many at a time
            await self._checking[digest].wait()
        if digest in self._right:
            self._right.move_to_end(digest)
            return True
        if self._is_shut(origin):
            self._peer_log.warn("origin.shut", origin)
            raise Refused(Refusal.AUTH_ERROR, "too many wrong passwords: wait")
        if await self._check(call, digest, origin):
            self._right[digest] = None
            if len(self._right) > _MAX_KNOWN:
                self._right.popitem(last=False)
            return True
        await trio.sleep(self._failures.count(origin, trio.current_time()))
        return False

    def _is_shut(self, origin: str) -> bool:
        if self._checks[origin] >= _MAX_CHECKS:
            return True
        return self._failures.is_shut(origin, trio.current_time())

    async def _check(self, call: HarpCall, digest: bytes, origin: str) -> bool:
        over = self._checking[digest] = trio.Event()
        self._checks[origin] += 1
        try:
            check = partial(self.users.is_right, call.user, call.password)
            return await trio.to_thread.run_sync(check, limiter=self._threads)
        finally:
            self._checks[origin] -= 1
            self._checks += Counter()  # keeps what is above 0
            del self._checking[digest]
            over.set()

    def _digest(self, call: HarpCall) -> bytes:
        words = f"{call.user}\0{call.password}".encode(errors="surrogatepass")
        return hmac.digest(self._secret, words, "sha256")
