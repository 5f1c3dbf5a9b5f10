"""The tables of Harmony services, their key, and what is said of mistakes in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harpcaller.worker.catalogue import Defaults
from harpcaller.worker.harmony.command import ALWAYS_ALLOWED
from harpcaller.worker.harmony.settings import HarmonyCli, HarmonyHttp, InputMode
from harpcaller.worker.harmony.tables import CLI_KEYS, HTTP_KEYS
from harpcaller.worker.profile import Profile
from harpcaller.worker.tables import HARMONY_GRACE_S, read_procedures

KEY = "_THIS_IS_MY_32_CHARS_SECRET_KEY_"
DEFAULTS = Defaults(profile=Profile(environment=(("LANG", "C"),)))


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """Return the file of the key that Harmony shares."""
    file = tmp_path / "harmony.key"
    file.touch(mode=0o600)
    file.write_text(f"{KEY}\n")
    return file


def cli(key_file: Path | None = None, **changes: Any) -> dict[str, Any]:
    """Return a table of a service that is run; a change to None takes a key away."""
    table = {
        "name": "subset",
        "kind": "harmony_cli",
        "description": "d",
        "argv": ["python", "-m", "subset"],
        "env_allow": ["APP_NAME"],
        "secret_key_file": None if key_file is None else str(key_file),
        "input_mode": "file",
        "roots": ["/shared"],
        "s3_allow": ["s3://b/out/"],
        "private_dir": "/srv/private",
        **changes,
    }
    return {key: value for key, value in table.items() if value is not None}


def http(key_file: Path | None = None, **changes: Any) -> dict[str, Any]:
    """Return a table of a service that is asked."""
    table = {
        "name": "post",
        "kind": "harmony_http",
        "description": "d",
        "url_allow": ["http://localhost:*/"],
        "data_dir": "/data/",
        "secret_key_file": None if key_file is None else str(key_file),
        "roots": ["/shared"],
        **changes,
    }
    return {key: value for key, value in table.items() if value is not None}


def test_a_service_that_is_run_is_read(key_file: Path) -> None:
    """Its calls have longer to end than others, and the key is in a file."""
    table = cli(key_file, environment={"STAGING_BUCKET": "b"}, limits={"max_calls": 2})

    [offered] = read_procedures([table], DEFAULTS)

    assert offered.what == HarmonyCli(
        name="subset",
        argv=("python", "-m", "subset"),
        description="d",
        environment=(("LANG", "C"), ("STAGING_BUCKET", "b")),
        env_allow=("APP_NAME",),
        secret_key=KEY,
        input_mode=InputMode.FILE,
        roots=("/shared",),
        s3_allow=("s3://b/out/",),
        private_dir="/srv/private",
    )
    assert offered.profile.term_grace_s == HARMONY_GRACE_S
    assert offered.profile.farewell_s > 0
    assert offered.limits.max_calls == 2


def test_a_service_that_is_asked_is_read(key_file: Path) -> None:
    """It is ended as every other call: it has nothing to let go of."""
    [offered] = read_procedures([http(key_file)], DEFAULTS)

    assert offered.what == HarmonyHttp(
        name="post",
        description="d",
        data_dir="/data",
        url_allow=("http://localhost:*/",),
        secret_key=KEY,
        roots=("/shared",),
    )
    assert offered.profile == DEFAULTS.profile


def test_most_keys_may_be_left_out() -> None:
    """What is needed is a program, or a place."""
    plain = {"name": "a", "kind": "harmony_cli", "argv": ["x"]}

    [first, second] = read_procedures(
        [plain, http(description=None, roots=None)], Defaults()
    )

    assert first.what == HarmonyCli(name="a", argv=("x",), env_allow=ALWAYS_ALLOWED)
    assert second.what == HarmonyHttp(
        name="post", data_dir="/data", url_allow=("http://localhost:*/",)
    )


def test_every_key_is_tried_here(key_file: Path) -> None:
    """A key that is read into nothing would be believed by who wrote it."""
    assert cli(key_file).keys() == CLI_KEYS.keys()
    assert http(key_file).keys() == HTTP_KEYS.keys()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (cli(kind="harmony"), '"kind": expected one of executable, harmony_cli'),
        (cli(kind=[]), '"kind": expected one of executable, harmony_cli'),
        (cli(stream=True), 'unknown key "stream"'),
        (cli(argv=None), '"argv": expected a list of strings'),
        (cli(argv=[1]), '"argv": expected a list of strings'),
        (cli(argv=[]), '"argv": the program has to be named'),
        (cli(argv=["docker", "run", "x"]), '"argv": a container needs'),
        (cli(environment={"ENV": "test"}), '"environment": with ENV dev or test'),
        (cli(env_allow=["SHARED_SECRET_KEY"]), "is not for calls to set"),
        (cli(input_mode="x"), '"input_mode": expected one of auto, file, inline'),
        (cli(private_dir="tmp"), '"private_dir": expected a path'),
        (cli(private_dir="/a b"), '"private_dir": expected a path'),
        (cli(roots=["x"]), '"roots": expected paths'),
        (cli(s3_allow=["b"]), '"b" is no scheme'),
        (cli(s3_allow=["https:"]), '"s3_allow": "https:" is not in S3'),
        (cli(Path("x")), '"secret_key_file": expected a path'),
        (cli(Path("/no")), '"secret_key_file": /no: No such file'),
        (http(url_allow=None), '"url_allow": name where the service may be'),
        (http(url_allow=["x"]), '"x" is no scheme'),
        (http(url_allow=["s3:"]), '"url_allow": "s3:" is not for HTTP'),
        (http(data_dir=None), '"data_dir": expected a path'),
        (http(argv=["x"]), 'unknown key "argv"'),
    ],
)
def test_a_mistake_is_named(table: dict[str, Any], said: str) -> None:
    """With the procedure and the key, at the start."""
    with pytest.raises(ValueError, match="procedure") as caught:
        read_procedures([table], DEFAULTS)

    assert f'[[procedure]] "{table["name"]}": ' in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (b"short", "shared secret key must be 32 bytes"),
        (b"x" * 33, "shared secret key must be 32 bytes"),
        (b"\xff" * 32, "shared secret key must be plain text"),
        (b"\0" * 32, "shared secret key must be plain text"),
        (b'"' + b"x" * 31, "shared secret key must be plain text"),
    ],
)
def test_a_wrong_key_is_refused(key_file: Path, key: bytes, said: str) -> None:
    """E25: a service would die of it, call by call, before it could say so."""
    key_file.write_bytes(key)

    with pytest.raises(ValueError, match=said) as caught:
        read_procedures([cli(key_file)], DEFAULTS)

    assert key.decode(errors="replace") not in str(caught.value)


@pytest.mark.parametrize("key", [b"", b"\n"])
def test_an_empty_key_is_none(key_file: Path, key: bytes) -> None:
    """Then tokens are taken as they are."""
    key_file.write_bytes(key)

    [offered] = read_procedures([cli(key_file)], DEFAULTS)

    assert isinstance(offered.what, HarmonyCli)
    assert offered.what.secret_key == ""


@pytest.mark.parametrize(("mode", "said"), [(0o644, "may read"), (0o620, "may write")])
def test_a_key_is_a_secret(key_file: Path, mode: int, said: str) -> None:
    """Who has it can open the tokens of all users."""
    key_file.chmod(mode)

    with pytest.raises(ValueError, match=said):
        read_procedures([cli(key_file)], DEFAULTS)
