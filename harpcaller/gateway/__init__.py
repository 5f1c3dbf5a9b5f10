"""The HTTP side: connections, how each request is treated, and what is served."""
