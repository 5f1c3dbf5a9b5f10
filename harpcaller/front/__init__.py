"""Where clients come in: listeners, sessions and their conversations."""
