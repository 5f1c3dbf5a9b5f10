"""A daemon that monitors workflows, and clients that speak to it in bytes."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
from daemon_process import DaemonProcess, Table, running_daemon
from panoptes_runs import Exchange, Run
from web_client import ON, Told, WebClient, web_address, web_client

HASTY: Mapping[str, str | int | float | bool] = {
    "adapters.panoptes.serve": True,
    "adapters.panoptes.linger_s": 0.3,
}


@attrs.frozen
class Monitor:
    """A daemon with `@panoptes`, and a connection to its HTTP side."""

    daemon: DaemonProcess
    web: WebClient

    def create(self, body: Mapping[str, Any] | None = None) -> str:
        """Return the id of a new workflow."""
        data = None if body is None else json.dumps(body).encode()
        told = self.web.ask("POST", "/m1/workflow/create/", data)
        assert told.status == 201, told
        return str(told.value["id"])

    def update(self, job_id: str, message: Mapping[str, Any]) -> Told:
        """Return the answer to an update by the specification."""
        return update(self.web, job_id, message)

    def legacy(self, job_id: str, message: Mapping[str, Any]) -> Told:
        """Return the answer to an update by the older path."""
        body = json.dumps({"msg": json.dumps(message), "timestamp": "t", "id": job_id})
        return self.web.ask("POST", "/update_workflow_status", body.encode())

    def workflow(self, job_id: str) -> dict[str, Any]:
        """Return what is told of a workflow."""
        found: dict[str, Any] = self.web.get(f"/api/workflow/{job_id}").value
        workflow: dict[str, Any] = found["workflow"]
        return workflow

    def jobs(self, job_id: str) -> dict[str, str]:
        """Return the states of a workflow's jobs."""
        found = self.web.get(f"/api/workflow/{job_id}/jobs").value["jobs"]
        return {str(job["jobid"]): job["status"] for job in found}

    def outcome(self, job_id: str) -> Any:
        """Return how a workflow ended, once it has."""
        told = self.web.get(f"/v1/jobs/{job_id}/result?wait=9")
        assert told.status == 200, told
        return told.value

    def packets(self, job_id: str) -> list[Any]:
        """Return all packets of a workflow, by the line protocol."""
        return [line["data"] for line in self.lines(job_id) if "packet" in line]

    def lines(self, job_id: str) -> list[Any]:
        """Return all lines that tell of a workflow's stream so far."""
        request = {"harpcaller": 1, "read_stream": job_id, "since": 0}
        with self.daemon.connect() as client, client.makefile("rb") as replies:
            client.sendall(json.dumps(request).encode() + b"\n")
            client.shutdown(socket.SHUT_WR)
            return [json.loads(line) for line in replies]


def update(web: WebClient, job_id: str, message: Mapping[str, Any]) -> Told:
    """Return the answer to an update by the specification."""
    body = {"message": message, "timestamp": "now", "id": job_id}
    return web.ask("POST", "/m1/workflow/update/", json.dumps(body).encode())


@contextmanager
def running_monitor(
    folder: Path, hosts: Mapping[str, Table] | None = None, **more: Any
) -> Iterator[Monitor]:
    """Run a daemon that monitors; `more` are settings of `[adapters.panoptes]`."""
    own = {f"adapters.panoptes.{key}": value for key, value in more.items()}
    settings = {**ON, **HASTY, **own}
    with (
        running_daemon(folder, hosts=hosts, settings=settings) as daemon,
        web_client(daemon) as web,
    ):
        yield Monitor(daemon, web)


class RawClient:
    """Sends recorded requests byte for byte, on connections kept while it may."""

    def __init__(self, daemon: DaemonProcess) -> None:
        self._address = web_address(daemon)
        self._sock: socket.socket | None = None

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *_: object) -> None:
        if self._sock is not None:
            self._sock.close()

    def send(self, exchange: Exchange, job_id: str | None = None) -> tuple[int, bytes]:
        """Return status and body of the answer."""
        if self._sock is None:
            self._sock = socket.create_connection(self._address, timeout=60)
        self._sock.sendall(exchange.wire(job_id))
        answer = http.client.HTTPResponse(self._sock, method=exchange.method)
        answer.begin()
        body = answer.read()
        if answer.will_close:
            self._sock.close()
            self._sock = None
        return answer.status, body

    def create(self, run: Run) -> str:
        """Send all before the first update; return the workflow's id."""
        job_id: str | None = None
        for exchange in run.exchanges:
            if exchange.is_update:
                break
            status, body = self.send(exchange, job_id)
            assert status == 200, (exchange.target, body)
            if exchange.is_create:
                job_id = json.loads(body)["id"]
        assert isinstance(job_id, str)
        return job_id
