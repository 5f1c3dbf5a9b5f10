"""The extra `harmony`: what runs without it, and what is told where it is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pystac
import pytest
from harmony_corpus import CORPUS

PACKAGES = Path(pystac.__file__).parent.parent
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with all packages but pystac."""
    folder = tmp_path_factory.mktemp("packages")
    for entry in PACKAGES.iterdir():
        if not entry.name.startswith("pystac") and entry.suffix != ".pth":
            (folder / entry.name).symlink_to(entry)
    return folder


def check(packages: Path, config: str, folder: Path) -> tuple[int, str]:
    """Return what `harpcallerd check` says of a configuration, with those packages."""
    path = folder / "harpcaller.toml"
    path.write_text(config)
    path.chmod(0o600)
    done = subprocess.run(
        [sys.executable, "-S", "-m", "harpcaller", "check", "--config", path],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{packages}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def a_config(services: str = f"{CORPUS}/own/services.yml", **more: str) -> str:
    """Return a configuration with the adapter."""
    files = {
        "services": services,
        "bindings": f"{CORPUS}/own/bindings.yml",
        "env_file": f"{CORPUS}/own/services.env",
        "environment": "https://cmr.uat.earthdata.nasa.gov",
        **more,
    }
    lines = [f'{key} = "{value}"' for key, value in files.items()]
    return "\n".join(["[adapters.harmony]", *lines, ""])


def test_without_the_extra_the_dispatcher_runs(without: Path, tmp_path: Path) -> None:
    """H-29: nobody who does not talk to Harmony needs it."""
    code, said = check(without, "", tmp_path)

    assert code == 0, said


def test_the_table_needs_the_extra(without: Path, tmp_path: Path) -> None:
    """H-29: the start is refused with a sentence that tells what to do."""
    code, said = check(without, a_config(), tmp_path)

    assert code == 2
    assert "needs pystac: pip install 'harpcaller[harmony]'" in said


def test_a_good_configuration_is_good(tmp_path: Path) -> None:
    """With the extra, and all files."""
    code, said = check(PACKAGES, a_config(), tmp_path)

    assert code == 0, said


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    """E22: of the table, of services.yml, of what has no binding."""
    services = tmp_path / "services.yml"
    text = (CORPUS / "own/services.yml").read_text()
    bad = text.replace("batch_size: 5", "batch_size: -1")
    bad = bad.replace("image: test/thumbnail:1", "image: test/unbound:1")
    services.write_text(bad)

    code, said = check(PACKAGES, a_config(str(services), dialct="x"), tmp_path)

    assert code == 2
    assert 'unknown key "dialct", did you mean "dialect"?' in said
    assert "test/any-collection" in said
    assert 'test/method: step 1: no binding for image "test/unbound"' in said


def test_what_else_is_wrong_is_an_ordinary_failure(tmp_path: Path) -> None:
    """The exit status of Harmony's table is its own: other tables have another."""
    both = f"linger = 1\n{a_config(dialct='x')}"

    code, said = check(PACKAGES, both, tmp_path)
    alone, _ = check(PACKAGES, "[harmony]\n", tmp_path)

    assert (code, alone) == (1, 1)
    assert "linger" in said
    assert "dialct" in said


def test_pystac_waits_for_the_first_request() -> None:
    """H-29: it is slow to load, and few dispatchers need it."""
    code = (
        "import sys, harpcaller.daemon;"
        " from harmony_corpus import settings; settings();"
        " print('pystac' in sys.modules, 'yaml' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT}/tests/support"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout == "False True\n"


def test_a_container_loads_no_machine(tmp_path: Path) -> None:
    """Its command is started for every call, and only asks the dispatcher."""
    code = (
        "import sys; from harpcaller.tools.harmony import main;"
        " assert main(sys.argv[1:]) == 1;"
        " print(*(name.removeprefix('harpcaller.') for name in sys.modules))"
    )
    words = ["--harmony-action", "invoke", "--service", "a", "--harmony-input", "{"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words, "--harmony-metadata-dir", tmp_path],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    loaded = set(done.stdout.splitlines()[-1].split())
    parts = {"machine", "judging", "settings", "plan", "message", "intake"}
    assert "adapters.harmony.reading" in loaded
    assert not {f"adapters.harmony.{part}" for part in parts} & loaded
    assert not {"adapters.adapter", "config", "trio", "jsonschema", "yaml"} & loaded
