"""Where adapters may read, write and ask: what configuration files say of it."""

from __future__ import annotations

import grp
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import trustme
from adapted import an_adapter
from csapi_cases import DEFINITION
from harmony_corpus import CORPUS
from no_rights import nobody
from third_adapter import Idle

from harpcaller.adapters.places import Places
from harpcaller.config import Config, ConfigError, load_config
from harpcaller.config.adapter_tables import unready_desks
from harpcaller.runners.installed import Installed
from harpcaller.runners.outside.file_writing import Desk
from harpcaller.runners.outside.http_messages import HttpSettings


def test_how_servers_are_reached_is_read(tmp_path: Path) -> None:
    """What is not said is the default."""
    pem = trustme.CA().cert_pem.bytes()
    (tmp_path / "ca.pem").write_bytes(b"# \xc3\xa9\n" + pem)
    (tmp_path / "w").mkdir()
    task = '{"name": "t", "host": "h"}'
    (tmp_path / "w" / "W.json").write_text(f'{{"name": "W", "tasks": [{task}]}}')
    path = tmp_path / "harpcaller.toml"
    path.write_text(
        '[adapters.cumulus]\nworkflows = "w"\n[adapters.cumulus.http]\n'
        'ca_file = "ca.pem"\ntimeout_s = 5\n'
    )

    [installed] = load_config(path).adapters

    told = f"# \n{pem.decode()}"
    assert installed.http == HttpSettings(authorities=told, timeout_s=5)


def test_httpx_is_imported_by_who_needs_it() -> None:
    """It takes a quarter of a second, and is part of an extra."""
    program = (
        "import sys, harpcaller.daemon, harpcaller.adapters.cumulus\n"
        "print(sorted({'httpx', 'httpcore'} & sys.modules.keys()))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


def test_a_directory_that_is_not_there_is_warned_of(tmp_path: Path) -> None:
    """It may be mounted later: that is no reason not to start."""
    (tmp_path / "file").write_text("")
    adapter = an_adapter(lambda *_: Idle())
    desks = (None, str(tmp_path), str(tmp_path / "gone"), str(tmp_path / "file"))

    told = unready_desks(
        Installed(adapter=adapter, settings=None, places=Places(work_dir=desk))
        for desk in desks
    )

    assert list(told) == [
        f"adapters.test.work_dir: {desk} is no directory that we may write to"
        for desk in desks[2:]
    ]


def test_what_an_adapter_doubts_is_warned_of(tmp_path: Path) -> None:
    """`check` and the log tell it; the dispatcher starts."""
    (tmp_path / "d.json").write_text(json.dumps(DEFINITION))
    path = tmp_path / "harpcaller.toml"
    path.write_text(
        '[adapters.csapi.services.s]\nhost = "h"\nprocedure = "p"\n'
        'definition = "d.json"\nexec_allow = ["(a+)+"]\n'
    )

    [told] = (one for one in load_config(path).warnings if "exec_allow" in one)

    assert told.startswith('adapters.csapi.services.s.exec_allow: "(a+)+" ')


def test_a_group_of_others_is_warned_of(tmp_path: Path) -> None:
    """The system would refuse to give it a file."""
    adapter = an_adapter(lambda *_: Idle())
    places = Places(work_dir=str(tmp_path), work_group="g")

    def warnings(gid: int) -> list[str]:
        installed = Installed(
            adapter=adapter, settings=None, places=places, work_gid=gid
        )
        return list(unready_desks([installed]))

    with nobody():
        told = [text for text in warnings(12345) if "work_group" in text]
        mine = [text for text in warnings(os.getegid()) if "work_group" in text]

    assert told == [
        "adapters.test.work_group: we are not in it, and can give it nothing"
    ]
    assert mine == []


def with_group(folder: Path, group: str) -> Config:
    """Return the configuration of the corpus with a directory and a group."""
    for path in (CORPUS / "own").iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    path = folder / "adapter.toml"
    with path.open("a") as file:
        file.write(f'work_dir = "{folder}"\nwork_group = "{group}"\n')
    path.chmod(0o600)
    return load_config(path)


def test_a_group_is_one_of_this_machine(tmp_path: Path) -> None:
    """Its number is what files have."""
    group = grp.getgrgid(os.getgid()).gr_name

    [installed] = with_group(tmp_path, group).adapters

    assert installed.desk == Desk(folder=str(tmp_path), gid=os.getgid())
    with pytest.raises(ConfigError) as caught:
        with_group(tmp_path, "no-such-group")
    [line] = caught.value.lines()
    assert line.endswith(
        "adapters.harmony.work_group: expected the name of a group of this machine"
    )
