"""A real dispatcher with services of CSAPI, and the worker that carries out jobs."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
from daemon_process import READY_S, DaemonProcess, prepared_daemon
from harpd_process import running_harpd
from web_client import LIMIT_S, Told, WebClient, web_address

PROCEDURES = """
import os, time
from harpcaller.worker import procedure

class InputUnavailable(Exception):
    pass

@procedure
def train(inputs, configuration, consumer, agreement):
    return {"oceanoutputs": sorted(inputs), "configuration": configuration}

@procedure
def add(inputs, configuration, consumer, agreement):
    numbers = [inputs[name]["payload"] for name in sorted(inputs)]
    return {"sum": sum(numbers)}

@procedure
def wait(inputs, configuration, consumer, agreement):
    while not os.path.exists(configuration["until"]):
        time.sleep(0.01)
    return "waited"

@procedure
def fail(inputs, configuration, consumer, agreement):
    raise InputUnavailable("nobody has it")
"""


def definition(*inputs: dict[str, Any]) -> dict[str, Any]:
    """Return a definition with these inputs."""
    about = {"name": "Service", "endpoint": "http://localhost/services/x"}
    return {
        "servicedescription": about,
        "inputs": list(inputs) or [{"argname": "n", "type": "payload"}],
        "outputs": [{"argname": "out", "type": "oceanasset"}],
    }


def service(procedure: str, *inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the table of a service."""
    return {
        "definition": definition(*inputs),
        "host": "w",
        "procedure": procedure,
        **more,
    }


TRAIN = service(
    "train",
    {"argname": "training", "type": "oceanasset", "mandatory": "true"},
    {"argname": "test", "type": "oceanasset"},
    {"argname": "blendfile", "type": "runcommand"},
    default=True,
)
ADD = service(
    "add",
    {"argname": "a", "type": "payload", "mandatory": True},
    {"argname": "b", "type": "payload"},
)
SERVICES = {
    "train": TRAIN,
    "add": ADD,
    "wait": service("wait", queue={"name": {"q": "wait"}}),
    "fail": service("fail"),
}


@attrs.frozen
class Agent:
    """The dispatcher, as consumers of its services meet it."""

    daemon: DaemonProcess

    @property
    def url(self) -> str:
        """Where it serves."""
        host, port = web_address(self.daemon)
        return f"http://{host}:{port}"

    def ask(self, request: str, body: Any = None, **headers: str) -> Told:
        """Return the answer to a request like `GET /services/`."""
        method, path = request.split()
        host, port = web_address(self.daemon)
        text = body if body is None or isinstance(body, bytes) else _json(body)
        with WebClient(http.client.HTTPConnection(host, port, timeout=LIMIT_S)) as web:
            return web.ask(method, path, text, **headers)

    def invoke(self, name: str, body: Any) -> str:
        """Return the id of the job that an invocation makes."""
        told = self.ask(f"POST /services/{name}/jobs", body)
        assert told.status == 201, told
        return str(told.value["jobid"])

    def becomes(self, name: str, job_id: str, word: str) -> None:
        """Return when the status of a job is `word`."""
        deadline = time.monotonic() + READY_S
        while True:
            told = self.ask(f"GET /services/{name}/jobs/status/{job_id}").value
            if told["status"] == word:
                return
            assert time.monotonic() < deadline, told
            time.sleep(0.02)


@contextmanager
def running_agent(
    directory: Path,
    *,
    services: Mapping[str, Mapping[str, Any]] = SERVICES,
    more: str = "",
    **settings: str | float,
) -> Iterator[Agent]:
    """Run both until the block ends; `more` is text of the configuration."""
    directory.chmod(0o700)
    with running_harpd(directory, PROCEDURES, "--harp2") as harpd:
        daemon = prepared_daemon(
            directory / "daemon",
            hosts={"w": {"unix": str(harpd.path), "harp2": True}},
            settings={"stop_grace_s": 0.2, **settings},
        )
        with daemon.config.open("a") as config:
            config.write(f'[http]\nlisten = "127.0.0.1:0"\n{tables(services)}\n{more}')
        try:
            daemon.start()
            yield Agent(daemon)
        except BaseException as error:
            error.add_note(f"the end of the daemon's log:\n{daemon.last_words()}")
            raise
        finally:
            if daemon.is_alive:
                daemon.kill()


def tables(services: Mapping[str, Mapping[str, Any]]) -> str:
    """Return services as text of a configuration."""
    text = "[adapters.csapi]\n"
    for name, table in services.items():
        pairs = (f"{key} = {_toml(value)}" for key, value in table.items())
        text += f"[adapters.csapi.services.{name}]\n" + "\n".join(pairs) + "\n"
    return text


def _toml(value: Any) -> str:
    match value:
        case dict():
            pairs = (f"{key} = {_toml(one)}" for key, one in value.items())
            return "{" + ", ".join(pairs) + "}"
        case list():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case _:
            return json.dumps(value)


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()
