"""Configuration files, real ones: what is wrong with them is said at once."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import attrs
import pytest
import trustme

from harpcaller.adapters.cumulus.config import KEYS as CUMULUS_KEYS
from harpcaller.addresses import TcpAddress, UnixAddress
from harpcaller.config import Config, ConfigError, Problem, load_config
from harpcaller.config.adapter_keys import ADAPTER_HTTP_KEYS, CORE_KEYS, S3_KEYS
from harpcaller.config.host_tables import HOST_KEYS
from harpcaller.config.http_table import HTTP_KEYS
from harpcaller.config.identity_tables import IDENTITY_KEYS
from harpcaller.config.keys import IGNORED, KEYS, STREAM_DIRECTORY
from harpcaller.config.positions import Position
from harpcaller.config.reporter_tables import REPORTER_KEYS
from harpcaller.config.websocket_table import WEBSOCKET_KEYS
from harpcaller.hosts.registry import Host

EXAMPLE = Path(__file__).parents[2] / "etc" / "harpcaller.toml"


def load(folder: Path, text: str, mode: int = 0o600) -> Config:
    """Return the configuration that `text` is."""
    path = folder / "harpcaller.toml"
    path.write_text(text)
    path.chmod(mode)
    return load_config(path)


def problems_of(folder: Path, text: str, mode: int = 0o600) -> list[str]:
    """Return what is wrong with `text`."""
    with pytest.raises(ConfigError) as caught:
        load(folder, text, mode)
    return [str(problem) for problem in caught.value.problems]


def test_without_a_file_there_are_defaults() -> None:
    """One command must be enough to start."""
    assert load_config(None) == Config()


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    """No key is required."""
    config = load(tmp_path, "")

    assert attrs.evolve(config, source=None, warnings=()) == Config()


def test_the_example_is_the_defaults(tmp_path: Path) -> None:
    """What it shows is what holds without it."""
    config = load(tmp_path, EXAMPLE.read_text())

    assert attrs.evolve(config, source=None, warnings=()) == Config()


def test_the_example_explains_every_key() -> None:
    """A key that is nowhere explained is of no use to an operator."""
    text = re.sub(r"(?m)^#(?=\w+ = |\[)", "", EXAMPLE.read_text())
    table = tomllib.loads(text)

    hosts, http = table.pop("hosts"), table.pop("http")
    identities, websocket = table.pop("identities"), table.pop("websocket")
    cumulus = table.pop("adapters")["cumulus"]
    assert cumulus.pop("s3").keys() == S3_KEYS.keys()
    assert cumulus.pop("http").keys() == ADAPTER_HTTP_KEYS.keys()
    assert CORE_KEYS.keys() <= cumulus.keys() <= {*CORE_KEYS, *CUMULUS_KEYS}
    assert http.keys() == HTTP_KEYS.keys()
    [reporter] = table.pop("reporters")["panoptes"]
    assert reporter.keys() == REPORTER_KEYS.keys()
    assert websocket.keys() == WEBSOCKET_KEYS.keys()
    assert table.keys() == KEYS.keys()
    assert {key for host in hosts.values() for key in host} == HOST_KEYS.keys()
    assert {key for one in identities.values() for key in one} <= IDENTITY_KEYS.keys()
    assert all(re.search(rf"\b{key}\b", text) for key in IDENTITY_KEYS)
    flat = (*KEYS.values(), *HTTP_KEYS.values(), *WEBSOCKET_KEYS.values())
    settings = {key.setting for key in flat}
    tables = {"adapters", "hosts", "identities", "reporters"}
    assert settings | tables | {"source", "warnings"} == set(attrs.fields_dict(Config))


def test_the_originals_keys_are_understood(tmp_path: Path) -> None:
    """An operator of the original starts with the file he has."""
    config = load(
        tmp_path,
        """
        listen = ["localhost:3502"]
        stream_directory = "/var/lib/harpcaller/stream"
        default_timeout = 300
        max_exec_time = 3600
        max_age = 48
        host_db = "/var/lib/harpcaller/hosts.db"
        host_db_script = "/etc/harpcaller/update-hosts"
        host_db_refresh = 60
        log_handlers = [["indira_disk_h", "/var/log/harpcaller.log"]]
        [erlang]
        node_name = "harpcaller"
        """,
    )

    assert config.listen == (TcpAddress("localhost", 3502),)
    assert config.state_dir == Path("/var/lib/harpcaller/stream")
    assert (config.default_timeout_s, config.max_exec_s) == (300, 3600)
    assert config.max_age_s == 48 * 3600
    assert config.host_cache == Path("/var/lib/harpcaller/hosts.db")
    assert config.host_db_refresh_s == 60
    for key in (*IGNORED, STREAM_DIRECTORY):
        assert any(warning.startswith(f"{key}: ") for warning in config.warnings)


def test_relative_paths_start_from_the_files_folder(tmp_path: Path) -> None:
    """Where the daemon was started from must not matter."""
    config = load(tmp_path, 'state_dir = "state"')

    assert config.state_dir == tmp_path / "state"
    assert config.host_cache == tmp_path / "state" / "hosts.cache"


HOSTS = """
[hosts.web01]
address = "192.0.2.1"
user = "u"
password_file = "secret"
server_name = "web01.example.net"
[hosts.web02]
address = "192.0.2.2"
port = 4307
[hosts.here]
unix = "worker"
harp2 = true
user = "u"
password = "canary"
"""


def test_hosts_are_read(tmp_path: Path) -> None:
    """Few workers need no script."""
    (tmp_path / "secret").write_text("canary\n")
    (tmp_path / "secret").chmod(0o600)

    config = load(tmp_path, HOSTS)

    assert config.hosts == (
        Host(
            name="web01",
            address=TcpAddress("192.0.2.1", 4306),
            user="u",
            password="canary",  # noqa: S106 (of a test)
            server_name="web01.example.net",
        ),
        Host(name="web02", address=TcpAddress("192.0.2.2", 4307)),
        Host(
            name="here",
            address=UnixAddress(str(tmp_path / "worker")),
            user="u",
            password="canary",  # noqa: S106 (of a test)
            harp2=True,
        ),
    )
    assert "canary" not in repr(config)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    """Mending a file one complaint at a time takes an afternoon."""
    problems = problems_of(
        tmp_path,
        """
        lisen = "localhost:1"
        max_running = true
        linger_s = -1
        [hosts.a]
        adress = "x"
        """,
    )

    assert problems == [
        'lisen: unknown key, did you mean "listen"?',
        "max_running: expected an integer of at least 1",
        "linger_s: expected a number of seconds above 0",
        'hosts.a: expected "address" or "unix"',
        'hosts.a.adress: unknown key, did you mean "address"?',
    ]


def test_a_complaint_names_the_file(tmp_path: Path) -> None:
    """There may be several of them."""
    with pytest.raises(ConfigError, match=r"\.toml:1:1: max_queued: expected"):
        load(tmp_path, "max_queued = 0")


def test_a_file_nested_without_end_is_refused(tmp_path: Path) -> None:
    """Somebody may have made it so."""
    assert len(problems_of(tmp_path, "a = " + "[" * 5000)) == 1


def test_a_socket_path_has_the_length_that_the_kernel_takes(tmp_path: Path) -> None:
    """A longer one cannot be connected to; unix(7)."""
    [problem] = problems_of(tmp_path, f'[hosts.a]\nunix = "{"c" * 108}"')

    assert problem.startswith("hosts.a.unix: expected a path of 1 to 107")


def test_a_password_is_in_no_complaint(tmp_path: Path) -> None:
    """Complaints end in logs and tickets."""
    problems = problems_of(
        tmp_path,
        """
        [hosts.a]
        unix = "x"
        user = ["canary"]
        password = ["canary"]
        """,
    )

    assert len(problems) == 2
    assert "canary" not in str(problems)


@pytest.mark.parametrize("mode", [0o660, 0o606])
def test_a_file_that_others_may_change_is_refused(tmp_path: Path, mode: int) -> None:
    """Who writes it can have programs run as the dispatcher."""
    [problem] = problems_of(tmp_path, "", mode)

    assert "others than its owner may write to it" in problem


@pytest.mark.parametrize("spoil", ["absent", "folder", "binary", "huge"])
def test_what_is_no_text_is_refused(tmp_path: Path, spoil: str) -> None:
    """The path may be a mistake."""
    path = tmp_path / "file"
    if spoil == "folder":
        path.mkdir(mode=0o700)
    elif spoil != "absent":
        path.write_bytes(b"\xff" if spoil == "binary" else b"\n" * (5 << 20))
        path.chmod(0o600)

    with pytest.raises(ConfigError) as caught:
        load_config(path)

    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("content", "mode", "complaint"),
    [
        (b"canary", 0o620, "others than its owner may write to it"),
        (b"canary" * 1000, 0o600, "expected a file of up to 4096 bytes"),
        (b"\xffcanary", 0o600, "expected a file of UTF-8 text"),
    ],
)
def test_a_doubtful_password_file_is_refused(
    tmp_path: Path, content: bytes, mode: int, complaint: str
) -> None:
    """A wrong password is noticed late, by the worker, call after call."""
    (tmp_path / "secret").write_bytes(content)
    (tmp_path / "secret").chmod(mode)

    [problem] = problems_of(tmp_path, '[hosts.a]\nunix = "x"\npassword_file = "secret"')

    assert problem.startswith(f"hosts.a.password_file: {complaint}")
    assert "canary" not in problem


def test_a_problem_is_told_with_what_is_known_of_its_place() -> None:
    """The command line has problems too, and no lines."""
    problem = Problem(key="listen", message="expected more", at=Position(3, 1))

    assert str(ConfigError(None, [problem])) == "listen: expected more"
    assert str(ConfigError(Path("/f"), [problem])) == "/f:3:1: listen: expected more"


def test_open_addresses_need_a_word(tmp_path: Path) -> None:
    """Whoever wants that says so."""
    config = load(tmp_path, 'insecure_no_auth = true\nlisten = "*:3502"')

    assert config.listen == (TcpAddress("*", 3502),)


def test_weak_settings_are_warned_of(tmp_path: Path) -> None:
    """What is allowed for old workers' sake must not go unseen."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")

    bare = load(tmp_path, "")
    nameless = load(tmp_path, 'ca_file = "ca.pem"\nverify_hostname = false')
    strict = load(tmp_path, 'ca_file = "ca.pem"')
    open_to_read = load(
        tmp_path,
        'ca_file = "ca.pem"\n[hosts.a]\nunix = "x"\npassword = "canary"',
        mode=0o644,
    )

    assert "any worker is believed" in bare.warnings[0]
    assert "one worker can pose as another" in nameless.warnings[0]
    assert strict.warnings == ()
    assert open_to_read.warnings == ("others may read the passwords in it: chmod o-r",)
