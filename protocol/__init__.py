"""The wires of the dispatcher, without IO: no event loop, no clock, no log."""
