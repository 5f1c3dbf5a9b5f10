"""Whether a request can be carried out: section by section, the first refusal counts.

The order of the codes E3 to E15 is the order of the answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, assert_never

import attrs

from harpcaller.adapters.harmony.abilities import refuse_unable, warn_of_extents
from harpcaller.adapters.harmony.chains import Chain, Step
from harpcaller.adapters.harmony.conditions import needed_steps
from harpcaller.adapters.harmony.granules import (
    Granule,
    Input,
    Unusable,
    of_items,
    of_message,
)
from harpcaller.adapters.harmony.intakes import Intake
from harpcaller.adapters.harmony.limits import is_synchronous, refuse_counts
from harpcaller.adapters.harmony.message import Message, read_message
from harpcaller.adapters.harmony.reading import take_object
from harpcaller.adapters.harmony.refusals import Code, Detail, Refusal
from harpcaller.adapters.harmony.requests import Request
from harpcaller.adapters.harmony.settings import Dialect, Settings
from harpcaller.adapters.harmony.sources import (
    Bundle,
    Catalogued,
    Located,
    Override,
    Sources,
    Unreadable,
    cannot_read,
    overridden,
    read_sources,
)
from harpcaller.adapters.harmony.stac import Item, NotStac
from harpcaller.adapters.harmony.trees import Missing, read_tree
from harpcaller.adapters.harmony.uris import is_inside
from harpcaller.adapters.places import host_of, is_allowed


@attrs.frozen(kw_only=True)
class Judged:
    """A request that can be carried out.

    `catalog` is what it came with, if that can be passed on as it is. `unusable` are
    inputs that fail by themselves.
    """

    request: Request
    chain: Chain
    message: Message
    steps: tuple[Step, ...]
    granules: tuple[Granule, ...]
    is_sync: bool
    catalog: Catalogued | None = None
    unusable: tuple[Unusable, ...] = ()
    warnings: tuple[str, ...] = ()


def judge(
    settings: Settings,
    request: Request,
    documents: Mapping[str, Any],
    *,
    is_checked: bool = True,
    is_admitted: bool = False,
) -> Judged | Missing:
    """Return the request as it can be carried out, or what has to be read first.

    `documents` are those that were read, by URI. Without `is_checked` E11 to E14 are
    left out: what would run if. With `is_admitted` E7 was seen to: a reference stands
    for the callback.

    Raises:
        Refusal: it cannot be carried out.
    """
    sources = read_sources(request.sources)
    message = read_message(
        overridden(take_object(request.operation), sources), request.options.validation
    )
    if not is_admitted:
        _refuse_callback(settings, request, message)
    found = _find_inputs(message, sources, documents)
    if not message.sources or not (found.granules or found.is_open):
        raise Refusal(Code.NO_GRANULES, "Request has no input granules")
    _refuse_urls(settings, found.granules)
    chain = _find_chain(settings, request)
    if is_checked:
        _refuse_collections(chain, message)
        refuse_unable(chain, message.fields)
    if found.unreadable is not None:
        raise cannot_read(found.unreadable)
    if found.missing is not None:
        return found.missing
    judged = _judged(settings, request, chain, message, found)
    if is_checked:
        count = len(found.inputs)
        refuse_counts(settings, chain, count, is_sync=judged.is_sync)
    return judged


def _judged(
    settings: Settings, request: Request, chain: Chain, message: Message, found: _Found
) -> Judged:
    fields, granules = message.fields, found.granules
    needed = needed_steps(chain, fields, granules, settings.native_format)
    return Judged(
        request=request,
        chain=chain,
        message=message,
        steps=needed.steps,
        granules=granules,
        is_sync=is_synchronous(chain, fields, len(found.inputs)),
        catalog=found.catalog if not found.unusable else None,
        unusable=found.unusable,
        warnings=_warnings(chain, message, found.unusable, needed.warnings),
    )


def _warnings(
    chain: Chain,
    message: Message,
    unusable: Sequence[Unusable],
    of_steps: Sequence[str],
) -> tuple[str, ...]:
    return (
        *message.warnings,
        *warn_of_extents(chain, message.fields),
        *of_steps,
        *(each.text for each in unusable),
    )


# ── inputs ──
@attrs.frozen(kw_only=True)
class _Found:
    """What there is to work on; or why that is not known."""

    inputs: tuple[Input, ...] = ()
    catalog: Catalogued | None = None  # to be passed on as it is
    missing: Missing | None = None
    unreadable: str | None = None

    @property
    def granules(self) -> tuple[Granule, ...]:
        """The inputs that can be worked on."""
        return tuple(each for each in self.inputs if isinstance(each, Granule))

    @property
    def unusable(self) -> tuple[Unusable, ...]:
        """Those that fail by themselves."""
        return tuple(each for each in self.inputs if isinstance(each, Unusable))

    @property
    def is_open(self) -> bool:
        """Whether there may be granules that nobody has seen yet."""
        return self.missing is not None or self.unreadable is not None


def _find_inputs(
    message: Message, sources: Sources | None, documents: Mapping[str, Any]
) -> _Found:
    match sources:
        case None | Override():
            return _Found(inputs=tuple(of_message(message)))
        case Unreadable(reason):
            return _Found(unreadable=reason)
        case Located(uri):
            return _walk(message, sources, uri, documents)
        case Bundle(root=root, files=files):
            return _walk(message, sources, root, {**documents, **files})
    assert_never(sources)


def _walk(
    message: Message, sources: Catalogued, root: str, known: Mapping[str, Any]
) -> _Found:
    try:
        items = read_tree(root, known)
    except NotStac as error:
        return _Found(unreadable=str(error))
    if isinstance(items, Missing):
        return _of_missing(items, sources)
    return _Found(
        inputs=tuple(of_items(items, message)), catalog=_passable(sources, items)
    )


def _of_missing(missing: Missing, sources: Catalogued) -> _Found:
    """Tell what is read later from what never can be: names outside of a bundle."""
    if isinstance(sources, Located):
        return _Found(missing=missing)
    outside = [uri for uri in missing.uris if ":" not in uri]
    if outside:
        return _Found(unreadable=f"{outside[0]} is not in the bundle")
    return _Found(missing=missing)


def _passable(sources: Catalogued, items: tuple[Item, ...]) -> Catalogued | None:
    if any(item.was_relative for item in items):
        return None  # the library cannot read relative hrefs of assets
    if isinstance(sources, Bundle) and not all(map(is_inside, sources.files)):
        return None  # no worker writes such files
    return sources


# ── refusals ──
def _refuse_callback(settings: Settings, request: Request, message: Message) -> None:
    fields = message.fields
    if request.options.dialect is Dialect.NONE:
        return
    is_http = request.intake is Intake.HTTP
    if is_http and fields.get("isSynchronous") is True:
        return  # the answer is the result
    callback = fields.get("callback")
    if callback is None:
        if is_http:
            raise Refusal(Code.CALLBACK, "callback is required", status=400)
        return
    if not settings.may_post_to(callback):
        raise Refusal(Code.CALLBACK, "Callback URL is not allowed")


def _refuse_urls(settings: Settings, granules: Sequence[Granule]) -> None:
    refused = [
        host_of(href)
        for granule in granules
        for href in granule.hrefs
        if not is_allowed(href, settings.granule_allow)
    ]
    if refused:
        raise Refusal(Code.GRANULE_URL, f"Granule URL is not allowed: {min(refused)}")


def _find_chain(settings: Settings, request: Request) -> Chain:
    chain = settings.chains.get(request.service)
    if chain is None:
        raise Refusal(Code.UNKNOWN_SERVICE, f'Unknown service "{request.service}"')
    return chain


def _refuse_collections(chain: Chain, message: Message) -> None:
    details = list(_unserved(chain, message))
    if details:
        first = message.sources[int(details[0].pointer.split("/")[2])]["collection"]
        raise Refusal(
            Code.COLLECTION,
            f"Service {chain.name} does not support collection {first}",
            details,
        )


def _unserved(chain: Chain, message: Message) -> Iterator[Detail]:
    if chain.collections is not None:
        for place, source in enumerate(message.sources):
            if source["collection"] not in chain.collections:
                yield Detail(f"/sources/{place}/collection", "is not served")
