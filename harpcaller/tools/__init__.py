"""Commands of adapters: they stand beside the daemon, and need none unless they say."""
