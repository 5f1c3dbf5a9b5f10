"""The exceptions whose names tell the adapter whether another attempt may help.

They are words of harmony-service-lib; whoever calls is told the name and the text.
"""

from __future__ import annotations


class Forbidden(Exception):
    """The user may not have it."""


class NoRetry(Exception):
    """No other attempt will change it."""


class Server(Exception):
    """The service, or the way to it, is out of order."""
