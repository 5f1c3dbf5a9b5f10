"""The ways in which a store refuses."""

from __future__ import annotations


class StoreError(Exception):
    """The store refused; nothing of the write was kept."""


class Fenced(StoreError):
    """This claim, or the whole epoch, is over: stop, and never try again."""


class Unavailable(StoreError):
    """Certainly not done, or safe to repeat with the same arguments."""


class Lost(Unavailable):
    """The store was closed, or its disk broke: it does nothing any more."""


class Full(StoreError):
    """The disk is full; reads, outcomes, cancels and pruning still work."""


class KeyConflict(StoreError):
    """The key was used before, for a call of other content."""


class TooManyQueued(StoreError):
    """`max_queued` jobs wait already."""
