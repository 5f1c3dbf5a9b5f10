"""Who clients are, how they prove it, and what each of them may do."""
