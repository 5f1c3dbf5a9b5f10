"""Foreign messages turned into calls: pure machines, and what they may ask for."""
