"""The kinds of procedures: how harpd has each carried out, and what it makes of it."""
