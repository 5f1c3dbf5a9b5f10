"""Harmony's data-operation messages, judged and turned into calls."""
