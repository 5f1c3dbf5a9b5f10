"""JSON routes of Starlette on Hypercorn's trio worker, and nothing else.

    python bench/bare_http.py

Prints the port it listens on. It answers GET /v1/jobs/{job_id} with a status as long
as ours, and POST /m1/workflow/update/ with what a monitor would say of an update.
"""

from __future__ import annotations

import socket
from typing import cast

import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from hypercorn.typing import ASGIFramework
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

STATUS = {
    "call": {"host": "w", "procedure": "noop", "arguments": []},
    "time": {"submit": 1764370000, "start": 1764370000, "end": 1764370000},
    "info": None,
    "limits": {"timeout": 600, "max_exec_time": 86400},
}


async def status(_: Request) -> JSONResponse:
    """Answer."""
    return JSONResponse(STATUS)


async def update(request: Request) -> JSONResponse:
    """Read an update and let it go."""
    await request.json()
    return JSONResponse({"status": "accepted", "version": "1.0.0"}, 202)


async def main() -> None:
    """Listen on a free port and print it."""
    app = Starlette(
        routes=[
            Route("/v1/jobs/{job_id}", status),
            Route("/m1/workflow/update/", update, methods=["POST"]),
        ]
    )
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(1024)
        print(sock.getsockname()[1], flush=True)
        config = Config()
        config.bind = [f"fd://{sock.fileno()}"]
        config.accesslog = config.errorlog = None
        await serve(cast(ASGIFramework, app), config)  # the same, spelt twice


if __name__ == "__main__":
    trio.run(main)
