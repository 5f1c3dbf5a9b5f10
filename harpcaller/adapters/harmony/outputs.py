"""What a unit made: catalogs that its service left, or what a procedure returned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from harpcaller.adapters.harmony.discovery import output_catalogs
from harpcaller.adapters.harmony.granules import Granule, of_item
from harpcaller.adapters.harmony.stac import Item, NotStac
from harpcaller.adapters.harmony.trees import Missing, Tree, unread, walk_tree
from harpcaller.adapters.harmony.uris import is_inside, resolve
from protocol.jsontext import JsonValue

UNPARSED: Final = "Cannot parse STAC catalog output from service"


class Unparsed(Exception):
    """What a service left is not what a service leaves."""

    def __init__(self) -> None:
        super().__init__(UNPARSED)


@attrs.frozen(kw_only=True)
class Output:
    """One catalog of outputs; a granule without a source has "".

    `path` is where workers find it, `bundle` is what carries it along: both are None
    where it cannot be passed on as it is.
    """

    granules: tuple[Granule, ...]
    path: str | None = None
    bundle: JsonValue = attrs.field(default=None, repr=False)

    def sources(self, *, is_shared: bool) -> JsonValue:
        """Return the catalog for the next step, None if it has to be written anew."""
        return self.path if is_shared and self.path is not None else self.bundle


@attrs.frozen(kw_only=True)
class Left:
    """What a container left: its catalogs, and the documents that came with them.

    `folder` is its metadata directory with a slash, "" where it is not ours to read.
    """

    roots: tuple[str, ...]
    folder: str
    documents: Mapping[str, Any] = attrs.field(repr=False)


def read_left(result: Mapping[str, Any], out_dir: str | None) -> Left:
    """Return what the result of a container tells.

    Raises:
        NoOutputs: there is no catalog.
        Unparsed: a catalog is elsewhere, or none.
    """
    folder = "" if out_dir is None else f"{out_dir}/"
    names = result.get("catalogs")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Unparsed
    roots = tuple(resolve(folder, name) for name in output_catalogs((), names))
    if not all(root.startswith(folder) for root in roots):
        raise Unparsed
    stac = result.get("stac")
    files = stac.get("files") if isinstance(stac, dict) else {}
    if not isinstance(files, dict):
        raise Unparsed
    documents = {resolve(folder, name): body for name, body in files.items()}
    return Left(roots=roots, folder=folder, documents=documents)


def read_outputs(
    left: Left, read: Mapping[str, Any], inputs: Sequence[Granule]
) -> tuple[Output, ...] | Missing:
    """Return the catalogs in order, or what has to be read first.

    `read` are documents that were; items without a source are of the inputs'.

    Raises:
        Unparsed: a catalog is none, or what is missing cannot be read.
    """
    sources = list(dict.fromkeys(granule.source for granule in inputs))
    alone = sources[0] if len(sources) == 1 else ""
    documents = {**left.documents, **read}
    missing = [uri for root in left.roots for uri in unread(root, documents)]
    if missing and not left.folder:
        raise Unparsed
    if missing:
        return Missing(tuple(dict.fromkeys(missing)))
    outputs: list[Output] = []
    for root in left.roots:
        try:
            tree = walk_tree(root, documents)
        except NotStac:
            raise Unparsed from None
        assert isinstance(tree, Tree)  # noqa: S101 (all was read)
        outputs.append(_output(left, root, tree, documents, alone))
    return tuple(outputs)


def _output(
    left: Left, root: str, tree: Tree, documents: Mapping[str, Any], alone: str
) -> Output:
    granules = tuple(
        of_item(item, item.source or alone) for item in tree.items if item.data
    )
    if not _is_passable(left, tree):
        return Output(granules=granules)
    names = {uri: uri.removeprefix(left.folder) for uri in tree.uris}
    files = {name: documents[uri] for uri, name in names.items()}
    return Output(
        granules=granules,
        path=root if left.folder else None,
        bundle={"root": names[root], "files": files},
    )


def _is_passable(left: Left, tree: Tree) -> bool:
    """Tell whether the library reads all of a catalog as it is."""
    return all(map(_is_readable, tree.items)) and all(
        uri.startswith(left.folder) and is_inside(uri.removeprefix(left.folder))
        for uri in tree.uris
    )


def _is_readable(item: Item) -> bool:
    return item.source is not None and not item.was_relative
