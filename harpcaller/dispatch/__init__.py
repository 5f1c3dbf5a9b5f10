"""Live jobs: who runs, who waits for them, and how they end."""
