"""The worker that `start --dev` brings along: a harpd child on a private socket."""
from contextlib import asynccontextmanager
from collections.abc import AsyncIterator, Sequence
from harpcaller.hosts.registry import Host


@asynccontextmanager
async def embedded_worker() -> AsyncIterator[Host]:
    raise NotImplementedError
    yield


def print_welcome(listen: Sequence[str]) -> None:
    pass
