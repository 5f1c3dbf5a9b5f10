"""Fixtures that several tests of real things share."""

from __future__ import annotations

from store_engines import engine, store

__all__ = ["engine", "store"]
