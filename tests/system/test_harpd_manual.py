"""harpd(8) says what the worker does: its verbs, settings, words and defaults."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Set
from pathlib import Path

import attrs
import pytest
from harpd_keys import ALL_TOP_LEVEL, TOP_LEVEL
from manual import (
    MAN,
    options_of,
    section_of,
    told_in,
    verbs_of,
    verbs_told,
)
from passlib.hash import sha256_crypt, sha512_crypt

import harpcaller.worker
from harpcaller import descriptors, failures
from harpcaller.worker import server
from harpcaller.worker.catalogue import Defaults
from harpcaller.worker.declared import ARGUMENT_KEYS
from harpcaller.worker.harmony import loglines
from harpcaller.worker.harmony.command import ALWAYS_ALLOWED, INLINE_BYTES
from harpcaller.worker.harmony.following import ALIVE_S
from harpcaller.worker.harmony.leftovers import SHOWN_BYTES
from harpcaller.worker.harmony.tables import CLI_KEYS, HTTP_KEYS
from harpcaller.worker.kinds.arguments import MAX_WORD_BYTES
from harpcaller.worker.passwords import hashed, read_entry
from harpcaller.worker.procedures import Info, load_source
from harpcaller.worker.renewal import AT_START
from harpcaller.worker.settings import Settings, settings_of
from harpcaller.worker.tables import (
    HARMONY_GRACE_S,
    LIMIT_KEYS,
    PROCEDURE_KEYS,
    PROFILE_KEYS,
)
from protocol.harp import ALPN_PROTOCOL, HEARTBEAT_S, SILENCE_S
from protocol.harp_worker import Refusal

PAGE = MAN / "harpd.8"
MODULE = "harpcaller.worker"
TOP = "Top-level keys"
OF_BOTH = "Keys of defaults and procedures"
KEYS: dict[str, Set[str]] = {
    OF_BOTH: PROFILE_KEYS.keys(),
    "Keys of limits": LIMIT_KEYS.keys(),
    "Keys of a procedure": PROCEDURE_KEYS.keys(),
    "Keys of both kinds": CLI_KEYS.keys() & HTTP_KEYS.keys(),
    "Keys of harmony_cli": CLI_KEYS.keys() - HTTP_KEYS.keys(),
    "Keys of harmony_http": HTTP_KEYS.keys() - CLI_KEYS.keys(),
    "Keys of an argument": ARGUMENT_KEYS.keys(),
}
NUMBERS = [
    ("Arguments and words", f"{MAX_WORD_BYTES} bytes"),
    ("USERS AND PASSWORDS", f"up to {failures.MAX_DELAY_S:g} seconds"),
    ("USERS AND PASSWORDS", f"after {failures.MAX_FAILURES} of them"),
    ("USERS AND PASSWORDS", f"quiet for {failures.SHUT_S:g} seconds"),
    ("TLS AND THE WIRE", f"A handshake may take {server.HANDSHAKE_S} seconds"),
    ("TLS AND THE WIRE", f"the first request {server.FIRST_LINE_S} after it"),
    ("TLS AND THE WIRE", f"closed after {server.IDLE_S}\nseconds"),
    ("TLS AND THE WIRE", f"a line every {HEARTBEAT_S} seconds"),
    ("TLS AND THE WIRE", f"silent for\n{SILENCE_S} loses the call"),
    ("TLS AND THE WIRE", f".Dq {ALPN_PROTOCOL}\n"),
    ("Keys of harmony_cli", f"up to {INLINE_BYTES} bytes"),
    ("HARMONY SERVICES", f"every {ALIVE_S:.0f} seconds"),
    ("A call of harmony_cli", f"after {loglines.MAX_PACKETS} lines"),
    ("A call of harmony_cli", f"more than {loglines.MAX_LINE_BYTES} bytes"),
    ("A call of harmony_cli", f"longer than {SHOWN_BYTES} bytes"),
    ("A call of harmony_cli", f"after {HARMONY_GRACE_S:.0f} seconds"),
    ("Keys of limits", f"raises its own limit to {descriptors.ENOUGH}"),
]


def keys_told(section: str) -> Set[str]:
    """Return the keys that a section explains; some share an explanation."""
    items = re.findall(r"^\.It Ic (.+)$", section_of(PAGE, section), re.MULTILINE)
    return {key for item in items for key in item.split(" , ")}


def told_of(section: str, key: str) -> str:
    """Return what is said of a key."""
    found = section_of(PAGE, section).split(f".It Ic {key}\n")
    assert len(found) == 2, key
    return found[1].split("\n.It")[0].split("\n.El")[0]


def examples_in(section: str) -> list[str]:
    """Return the literal texts of a section."""
    body = section_of(PAGE, section)
    found = re.findall(r"^\.Bd -literal\n(.*?)^\.Ed$", body, re.MULTILINE | re.DOTALL)
    return [text.replace("\\e", "\\") for text in found]


def test_every_verb_is_in_the_manual_and_the_reverse() -> None:
    """An administrator looks there first."""
    assert verbs_told(PAGE).keys() == verbs_of(MODULE)


def test_every_option_of_a_verb_is_at_its_place_in_the_manual() -> None:
    """A verb's options follow it, and no other's."""
    told = verbs_told(PAGE)

    for verb in verbs_of(MODULE):
        assert told[verb] == options_of(MODULE, verb), verb


def test_every_top_level_key_is_in_the_manual_and_the_reverse() -> None:
    """Whoever edits the file reads it."""
    assert keys_told(TOP) == ALL_TOP_LEVEL


@pytest.mark.parametrize("section", KEYS)
def test_every_key_of_a_table_is_in_the_manual_and_the_reverse(section: str) -> None:
    """Whoever writes a procedure reads them."""
    assert keys_told(section) == KEYS[section]


def default_numbers() -> dict[str, dict[str, float]]:
    """Return the defaults that are numbers, by section and key."""
    settings, defaults = Settings(listen=()), Defaults()
    fields = [
        (TOP, key, getattr(settings, field))
        for field, keys in TOP_LEVEL.items()
        for key in keys
    ]
    limits = attrs.asdict(defaults.limits) | dict(defaults.profile.confines.rlimits)
    fields += [("Keys of limits", *pair) for pair in limits.items()]
    nice = defaults.profile.confines.nice
    found: dict[str, dict[str, float]] = {OF_BOTH: {"nice": nice}}
    for section, key, value in fields:
        if isinstance(value, int | float) and not isinstance(value, bool):
            found.setdefault(section, {})[key] = value
    return found


@pytest.mark.parametrize("section", default_numbers())
def test_each_number_in_the_manual_is_the_default(section: str) -> None:
    """A wrong default is worse than none, and so is one that there is not."""
    defaults = default_numbers()[section]

    told = re.findall(r"^Default \d", section_of(PAGE, section), re.MULTILINE)
    assert len(told) == len(defaults)
    for key, value in defaults.items():
        assert f"\nDefault {value:.0f}." in told_of(section, key), key


def test_the_other_defaults_in_the_manual_are_right() -> None:
    """Words can be wrong, too."""
    profile = Defaults().profile

    assert not Settings(listen=()).harp2
    assert "\nDefault false." in told_of(TOP, "harp2")
    mask = f"{profile.confines.umask:03o}"
    assert f"\nDefault\n.Dq {mask} ." in told_of(OF_BOTH, "umask")
    assert f"\nDefault\n.Pa {profile.confines.cwd} ." in told_of(OF_BOTH, "cwd")
    passed = told_of(OF_BOTH, "pass_environment").partition("Default\n")[2]
    assert set(re.findall(r"[A-Z]{2,}", passed)) == set(profile.pass_environment)


def test_the_variables_that_calls_of_harmony_may_set_are_in_the_manual() -> None:
    """Services count on some of them; others an operator has to allow."""
    told = told_of("Keys of harmony_cli", "env_allow").partition("Default\n")[2]

    assert set(re.findall(r"[A-Z][A-Z_]+", told)) == set(ALWAYS_ALLOWED)


def test_what_a_reload_leaves_is_in_the_manual() -> None:
    """Who waits for a key to take effect would wait for ever."""
    told = PAGE.read_text().split("\n.It Cm reload\n")[1].split("\n.It ")[0]

    assert set(re.findall(r"^\.Ic (\S+)", told, re.MULTILINE)) == {*AT_START.values()}


def test_every_refusal_is_in_the_manual_and_the_reverse() -> None:
    """A dispatcher's people look up what a worker said."""
    assert told_in(PAGE, "Refusals", "Li") == {*Refusal}


def test_every_exception_of_ours_is_in_the_manual_and_the_reverse() -> None:
    """They cannot be told from those of procedures otherwise."""
    package = Path(harpcaller.worker.__file__).parent
    code = "".join(path.read_text() for path in package.rglob("*.py"))
    raised = set(re.findall(r'\.exception\(\s*"([A-Z]\w+)"', code))

    assert raised >= {"ProcessExited", "ValueError"}
    assert told_in(PAGE, "Exceptions", "Li") == raised


@pytest.mark.parametrize(("section", "words"), NUMBERS)
def test_a_number_in_the_manual_is_that_of_the_code(section: str, words: str) -> None:
    """They are there to be relied on."""
    assert words in section_of(PAGE, section)


def test_the_example_of_python_procedures_is_loaded() -> None:
    """People begin with it."""
    [source] = examples_in("PYTHON PROCEDURES")

    found = load_source(source.encode(), Path("procedures.py"))

    signatures = {name: str(found[name].signature) for name in found}
    assert signatures == {"add": "(a, b=1)", "back_up": "(folder)"}
    assert found["add"].function(2) == 3
    back_up = found["back_up"]
    assert (back_up.streams, back_up.timeout_s, back_up.uid) == (True, 60, "backup")


def test_every_option_of_a_decorator_is_in_the_manual() -> None:
    """It is the one place that tells them to people who write procedures."""
    told = set(re.findall(r"^\.It Fa (\w+)$", PAGE.read_text(), re.MULTILINE))

    assert told == {"timeout", "uid", "gid", "info"}
    section = section_of(PAGE, "PYTHON PROCEDURES")
    for field in attrs.fields(Info):
        assert re.search(rf"^\.Va {field.name}( ,)?$", section, re.MULTILINE)


def test_the_manual_names_the_hashes_that_are_read() -> None:
    """Whoever moves from the original keeps the passwords of his people."""
    crypted = sha256_crypt.using(rounds=1000), sha512_crypt.using(rounds=1000)
    section = section_of(PAGE, "USERS AND PASSWORDS")

    for entry in (str(hashed("word")), *(scheme.hash("word") for scheme in crypted)):
        assert read_entry(entry).fits("word")
        word = entry.split("$")[1]
        assert f"${word}$" in section
    with pytest.raises(ValueError, match="unknown scheme"):
        read_entry("$1$salt$hash")


def test_the_example_of_settings_is_read(tmp_path: Path) -> None:
    """People copy it."""
    users = tmp_path / "users"
    users.write_text("harpcaller:secret\n")
    text = examples_in("EXAMPLES")[1].replace("/etc/harpcaller/harpd.users", str(users))

    settings = settings_of(tomllib.loads(text))

    assert [offered.name for offered in settings.executables] == ["disk_usage"]
