"""Documents elsewhere: the scheme of a URI says who moves them."""

from __future__ import annotations

import attrs
import pytest

from harpcaller.adapters.machine import Post, Save
from harpcaller.runners.outside import Outside
from harpcaller.runners.transfers import Reply, TransferFailed


@attrs.define
class Shelf:
    """Keeps documents in memory."""

    documents: dict[str, bytes] = attrs.field(factory=dict)
    again: list[bool] = attrs.field(factory=list)

    async def fetch(self, uri: str, max_bytes: int) -> bytes:
        """Return so much of a document."""
        return self.documents[uri][:max_bytes]

    async def save(self, save: Save, *, again: bool) -> None:
        """Keep a document."""
        self.documents[save.uri] = save.body
        self.again.append(again)


async def test_the_scheme_chooses_who_moves_a_document() -> None:
    """All that was asked for is handed on."""
    left, right = Shelf(), Shelf()
    outside = Outside({"left": left, "right": right})
    save = Save(key="s", uri="right://b/k", body=b"abc")

    await outside.save(save, again=True)

    assert await outside.fetch("right://b/k", 2) == b"ab"
    assert (left.documents, right.again) == ({}, [True])


@pytest.mark.parametrize("uri", ["file:///etc/hostname", "S3//b", ""])
async def test_a_scheme_that_nobody_moves_is_told(uri: str) -> None:
    """It is no file of this machine's."""
    outside = Outside({"s3": Shelf()})

    with pytest.raises(TransferFailed) as caught:
        await outside.fetch(uri, 1)
    with pytest.raises(TransferFailed):
        await outside.save(Save(key="s", uri=uri, body=b""), again=False)

    assert caught.value.code == "NotSupported"


async def test_nobody_answers_a_post() -> None:
    """A machine is told so, as it is of a server that does not answer."""
    post = Post(key="p", method="POST", url="https://example.net/")

    assert await Outside({}).post(post) == Reply(status=None)
