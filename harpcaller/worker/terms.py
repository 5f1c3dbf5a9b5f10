"""What calls are served by: the procedures, who may call them, the certificate."""

from __future__ import annotations

import ssl
from functools import partial

import attrs

from harpcaller.worker.children import Children
from harpcaller.worker.describe import DESCRIBE, answer
from harpcaller.worker.door import Door
from protocol.harp import HarpCall


@attrs.frozen(kw_only=True)
class Terms:
    """A reload replaces them whole; who began by the old ones ends by them."""

    children: Children
    door: Door
    tls: ssl.SSLContext | None

    def has_description(self, procedure: str) -> bool:
        """Tell whether that is the procedure that describes all others."""
        return procedure == DESCRIBE and DESCRIBE not in self.children.catalogue

    def describe(self, call: HarpCall) -> bytes:
        """Return the lines that tell what the caller's user may call.

        Raises:
            Refused: `invalid_argument_list`.
        """
        may_call = partial(self.door.users.may_call, call.user)
        catalogue = self.children.catalogue
        return answer(
            call.arguments, [catalogue[name] for name in filter(may_call, catalogue)]
        )
