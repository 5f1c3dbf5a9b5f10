"""Fixtures that several tests of real things share."""

from __future__ import annotations

import os

from store_engines import engine, store

__all__ = ["engine", "store"]

# A whole Debian is fetched for it, which takes minutes: it is for `make torture`.
if float(os.environ.get("HARPCALLER_CAMPAIGN", "0.1")) < 1:
    collect_ignore = ["test_deb_bare.py"]
