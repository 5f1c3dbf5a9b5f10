"""Outputs as they are told of: in callbacks, and in the result of the request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from harpcaller.adapters.harmony.granules import Granule, box_of, period_of
from harpcaller.adapters.harmony.parameters import Parameters, item_parameters
from harpcaller.adapters.harmony.stac import Asset, data_assets
from protocol.jsontext import JsonValue

UNREACHABLE: Final = "result is not reachable"
TWICE: Final = "two results have one name"
_FILE: Final = "file://"
_REMOTE: Final = ("s3:", "http:", "https:")


class NotPublished(Exception):
    """Outputs cannot be told of; the sentence says why."""


@attrs.frozen(kw_only=True)
class Published:
    """One file of an output; `file` is where it is on a disk that we share."""

    granule: Granule = attrs.field(repr=False)
    asset: Asset
    parameters: Parameters
    file: str | None = None

    def value(self) -> dict[str, JsonValue]:
        """Return what the result tells of it."""
        told = dict(self.parameters)
        period = period_of(self.granule.item)
        box = box_of(self.granule.item)
        return {
            "href": self.asset.href,
            "type": told["item[type]"],
            "title": told["item[title]"],
            "bbox": None if box is None else [*box],
            "temporal": None
            if period is None
            else {"start": period[0], "end": period[1]},
            "source": self.granule.source,
        }


@attrs.define(eq=False)
class Publisher:
    """Says how outputs are told of; no href is told of twice.

    Files in `file_places` may be told of as such. `mime` is the format that was asked
    for.
    """

    href_map: Mapping[str, str]
    mime: str
    file_places: tuple[str, ...] = ()
    _hrefs: dict[str, None] = attrs.field(factory=dict, init=False)

    def publish(self, granules: Sequence[Granule]) -> tuple[Published, ...]:
        """Return the files of outputs, in order.

        Raises:
            NotPublished: one of them cannot be reached, or is another one's; then
                none is told of.
        """
        found = tuple(
            self._published(granule, asset)
            for granule in granules
            for asset in _assets(granule)
        )
        hrefs: dict[str, None] = {}
        for each in found:
            if each.asset.href in hrefs or each.asset.href in self._hrefs:
                raise NotPublished(TWICE)
            hrefs[each.asset.href] = None
        self._hrefs |= hrefs
        return found

    def _published(self, granule: Granule, asset: Asset) -> Published:
        href, file = self._reach(asset.href)
        public = attrs.evolve(asset, href=href)
        return Published(
            granule=granule,
            asset=public,
            parameters=item_parameters(granule.item, public, self.mime),
            file=file,
        )

    def _reach(self, href: str) -> tuple[str, str | None]:
        """Return the href for others, and the file that it is."""
        if href.lower().startswith(_REMOTE):
            return href, None
        path = href.removeprefix(_FILE)
        if not path.startswith("/") or ".." in path.split("/"):
            raise NotPublished(UNREACHABLE)
        for prefix, public in self.href_map.items():
            folder = f"{prefix.removeprefix(_FILE).rstrip('/')}/"
            if path.startswith(folder):
                return f"{public.rstrip('/')}/{path.removeprefix(folder)}", None
        if path.startswith(self.file_places):
            return f"{_FILE}{path}", path
        raise NotPublished(UNREACHABLE)


def _assets(granule: Granule) -> Iterator[Asset]:
    assets: Mapping[str, Any] = granule.item["assets"]
    yield from data_assets(assets)
