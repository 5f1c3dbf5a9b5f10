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
    posted: list[Post] = attrs.field(factory=list)

    async def fetch(self, uri: str, max_bytes: int) -> bytes:
        """Return so much of a document."""
        return self.documents[uri][:max_bytes]

    async def save(self, save: Save, *, again: bool) -> None:
        """Keep a document."""
        self.documents[save.uri] = save.body
        self.again.append(again)

    async def post(self, post: Post) -> Reply:
        """Take a post."""
        self.posted.append(post)
        return Reply(status=201)


async def test_the_scheme_chooses_who_moves_a_document() -> None:
    """All that was asked for is handed on."""
    left, right = Shelf(), Shelf()
    outside = Outside({"left": left, "right": right}, left)
    save = Save(key="s", uri="right://b/k", body=b"abc")

    await outside.save(save, again=True)

    assert await outside.fetch("right://b/k", 2) == b"ab"
    assert (left.documents, right.again) == ({}, [True])


async def test_a_path_is_a_file() -> None:
    """Catalogs are named both ways."""
    shelf = Shelf({"/data/a": b"abc"})

    assert await Outside({"file": shelf}, shelf).fetch("/data/a", 3) == b"abc"


@pytest.mark.parametrize("uri", ["file:///etc/hostname", "S3//b", ""])
async def test_a_scheme_that_nobody_moves_is_told(uri: str) -> None:
    """It is no file of this machine's."""
    outside = Outside({"s3": Shelf()}, Shelf())

    with pytest.raises(TransferFailed) as caught:
        await outside.fetch(uri, 1)
    with pytest.raises(TransferFailed):
        await outside.save(Save(key="s", uri=uri, body=b""), again=False)

    assert caught.value.code == "NotSupported"


async def test_a_post_is_handed_on() -> None:
    """Where it goes is not for a scheme to choose."""
    post, shelf = Post(key="p", method="POST", url="https://example.net/"), Shelf()

    assert await Outside({}, shelf).post(post) == Reply(status=201)
    assert shelf.posted == [post]
