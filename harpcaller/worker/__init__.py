"""What a worker can do, for those who write procedures; `harpd` serves them."""

from harpcaller.worker.procedures import Info, Result, procedure, streaming_procedure

__all__ = ["Info", "Result", "procedure", "streaming_procedure"]
