"""The names that may be called, and where their workers are."""
