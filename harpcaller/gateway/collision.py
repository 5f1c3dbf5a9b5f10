"""What keeps a gateway from being put together; light, so that a start may know it."""

from __future__ import annotations


class Collision(Exception):
    """Two endpoints want the same method of the same path; the message names both."""
