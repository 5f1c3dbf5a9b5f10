"""What may be said to `harpd`, and what it says of mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harpcaller.addresses import TcpAddress, UnixAddress
from harpcaller.worker.settings import SettingsError, read_file, settings_of

UNIX = {"listen": "unix:/run/worker", "procedures": "p.py"}
TCP = {"listen": "*:4306", "procedures": "p.py"}
TLS = {"cert_file": "c", "key_file": "k"}


def test_settings_have_defaults() -> None:
    """A Unix socket and a file of procedures are enough."""
    settings = settings_of(UNIX)

    assert settings.listen == (UnixAddress("/run/worker"),)
    assert settings.procedures == Path("p.py")
    assert not settings.harp2


def test_every_setting_is_read() -> None:
    """The names are those of harpd.toml."""
    settings = settings_of(
        {
            "listen": ["localhost:1", "[::1]:2"],
            "procedures": "p.py",
            **TLS,
            "users": {"a": "b"},
            "allow": {"a": ["q"]},
            "client_ca_file": "ca",
            "harp2": True,
            "max_calls": 3,
            "max_worker_line_bytes": 4,
            "term_grace_s": 5,
            "stop_grace_s": 6.5,
        }
    )

    assert settings.listen == (TcpAddress("localhost", 1), TcpAddress("::1", 2))
    assert (settings.cert_file, settings.key_file) == (Path("c"), Path("k"))
    assert settings.users.may_call("a", "q")
    assert not settings.users.may_call("a", "p")
    assert settings.client_ca_file == Path("ca")
    assert (settings.harp2, settings.max_calls) == (True, 3)
    assert settings.max_line_bytes == 4
    assert (settings.term_grace_s, settings.stop_grace_s) == (5, 6.5)
    assert "'b'" not in repr(settings)


MISTAKES: dict[str, dict[str, Any]] = {
    'unknown key "lisen", did you mean "listen"?': {"lisen": "x"},
    'unknown key "zzz"': {"zzz": "x"},
    '"harp2": not expected to be str': UNIX | {"harp2": "yes"},
    '"max_calls": not expected to be bool': UNIX | {"max_calls": True},
    '"stop_grace_s": expected a number of at least 0': UNIX | {"stop_grace_s": -1},
    '"max_calls": expected a number of at least 1': UNIX | {"max_calls": 0},
    '"procedures": name the file that has them': {"listen": "unix:/x"},
    '"listen": name at least one address': {"procedures": "p"},
    "\"listen\": 'nowhere': expected": UNIX | {"listen": ["nowhere"]},
    'a TCP address needs "cert_file" and "key_file"': TCP | {"users": {"a": "b"}},
    'a TCP address needs "users" or "users_file"': TCP | TLS,
    '"users": expected passwords, each a string': UNIX | {"users": {"a": 1}},
    '"users": "a": a hash of an unknown scheme': UNIX | {"users": {"a": "$7$x"}},
    '"users": "a": the password is empty': UNIX | {"users": {"a": ""}},
    '"allow": there is no user "b"': UNIX | {"allow": {"b": []}, "users": {"a": "p"}},
    '"allow": "a": expected a list': UNIX | {"allow": {"a": "x"}, "users": {"a": "p"}},
    '"users_file": No such file or directory': UNIX | {"users_file": "/no/such"},
}


@pytest.mark.parametrize("message", MISTAKES)
def test_a_mistake_is_named(message: str) -> None:
    """Who made it can mend it without the manual."""
    with pytest.raises(SettingsError) as caught:
        settings_of(MISTAKES[message])

    assert str(caught.value).startswith(message)


def test_all_mistakes_are_named_at_once() -> None:
    """Who mends a file should not have to try it again and again."""
    table = {
        "listen": ["nowhere", "*:4306"],
        "users": {"a": "", "b": "$9$"},
        "defaults": {"umask": "9"},
        "procedure": [{"name": "x"}, {"argv": ["y"]}],
    }

    with pytest.raises(SettingsError) as caught:
        settings_of(table)

    assert [problem[:27] for problem in caught.value.problems] == [
        '[defaults]: "umask": expect',
        '[[procedure]] "x": "argv": ',
        '[[procedure]]: "name": ever',
        "\"listen\": 'nowhere': expect",
        '"users": "a": the password ',
        '"users": "b": a hash of an ',
        'a TCP address needs "cert_f',
        'a TCP address needs "users"',
    ]


def test_paths_start_from_the_folder_of_the_file(tmp_path: Path) -> None:
    """As in the dispatcher's: a service has no directory of its own to start from."""
    file = tmp_path / "harpd.toml"
    file.write_text('procedures = "p.py"\ncert_file = "/etc/cert"\n')

    assert read_file(file) == {
        "procedures": str(tmp_path / "p.py"),
        "cert_file": "/etc/cert",
    }


@pytest.mark.parametrize("key", ["config", "users_file"])
def test_files_that_others_may_change_are_refused(tmp_path: Path, key: str) -> None:
    """Whoever can write there is whoever harpd runs as."""
    file = tmp_path / "file"
    file.write_text("")
    file.chmod(0o666)

    with pytest.raises(SettingsError, match=r"others .* may write to it"):
        read_file(file) if key == "config" else settings_of(UNIX | {key: str(file)})


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    """With the place of the mistake."""
    file = tmp_path / "harpd.toml"
    file.write_text("listen = \n")

    with pytest.raises(SettingsError, match=r"harpd.toml: .*line 1"):
        read_file(file)
    with pytest.raises(SettingsError, match="No such file"):
        read_file(tmp_path / "none")
    file.write_text('harp2 = true\n[users]\n"a b" = "c"\n')
    assert read_file(file) == {"harp2": True, "users": {"a b": "c"}}
