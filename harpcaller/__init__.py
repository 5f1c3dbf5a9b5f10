"""The call dispatcher, its worker daemon and its clients."""

__version__ = "0.1.0"
