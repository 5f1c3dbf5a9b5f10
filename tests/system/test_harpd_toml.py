"""etc/harpd.toml: the example that people start from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import attrs
import pytest
from harpd_keys import ALL_TOP_LEVEL

from harpcaller.worker.catalogue import Defaults
from harpcaller.worker.declared import ARGUMENT_KEYS
from harpcaller.worker.harmony.settings import InputMode
from harpcaller.worker.kinds.arguments import Kind, bind
from harpcaller.worker.kinds.executable import Executable
from harpcaller.worker.kinds.output import ResultMode
from harpcaller.worker.kinds.template import fill
from harpcaller.worker.profile import IO_CLASSES, Profile
from harpcaller.worker.settings import Settings, read_file, settings_of
from harpcaller.worker.tables import KINDS, LIMIT_KEYS, PROFILE_KEYS
from protocol.harp_worker import Refused
from protocol.jsontext import JsonValue

ETC = Path(__file__).parents[2] / "etc"
FILE = ETC / "harpd.toml"
CHOSEN = {"listen", "executables", "defaults"}


def whole_text() -> str:
    """Return the file with its examples in force."""
    text = re.sub(r"^#(?=\S|    \{)", "", FILE.read_text(), flags=re.MULTILINE)
    return re.sub(r"^#$", "", text, flags=re.MULTILINE)


@pytest.fixture
def whole(tmp_path: Path) -> dict[str, Any]:
    """Return all keys, and have the files that are read at once."""
    (tmp_path / "harpd.users").write_text("somebody:secret\n")
    (tmp_path / "procedures.d").mkdir(mode=0o755)
    key = tmp_path / "harmony.key"
    key.touch(mode=0o600)
    key.write_text("_THIS_IS_MY_32_CHARS_SECRET_KEY_")
    return tomllib.loads(whole_text().replace("/etc/harpcaller", str(tmp_path)))


@pytest.fixture
def examples(whole: dict[str, Any]) -> dict[str, Executable]:
    """Return the executables that the file declares, by their names."""
    found = [offered.what for offered in settings_of(whole).executables]
    return {one.name: one for one in found if isinstance(one, Executable)}


def words_of(example: Executable, values: dict[str, JsonValue]) -> list[str]:
    """Return the command line of a call."""
    arguments = example.arguments or ()
    return fill(example.argv, arguments, bind(arguments, values))


def test_the_file_is_read_as_it_is() -> None:
    """It is what somebody starts harpd with for the first time."""
    settings = settings_of(read_file(FILE))

    assert [offered.name for offered in settings.executables] == ["uptime"]


def test_its_values_are_the_defaults_but_for_those_it_chooses() -> None:
    """A wrong default is worse than none."""
    settings = settings_of(read_file(FILE))
    plain = Settings(listen=settings.listen)

    for field in attrs.fields(Settings):
        if field.name not in CHOSEN:
            ours, real = (getattr(one, field.name) for one in (settings, plain))
            assert ours == real, field.name
    assert settings.defaults == Defaults(profile=Profile(user="nobody"))


def test_its_examples_are_read(whole: dict[str, Any]) -> None:
    """Who takes a "#" away should not be told of a mistake that is ours."""
    settings = settings_of(whole)

    assert settings.users.entries.keys() == {"harpcaller", "somebody"}
    assert len(settings.executables) == len(whole["procedure"]) > 3


def test_it_has_every_key_of_the_settings(whole: dict[str, Any]) -> None:
    """It is where an operator sees what there is."""
    assert whole.keys() == ALL_TOP_LEVEL


def test_it_has_every_key_of_procedures(whole: dict[str, Any]) -> None:
    """The keys of a table are as good as those at the top."""
    procedures = whole["procedure"]
    arguments = [one for table in procedures for one in table.get("arguments", [])]

    assert whole["defaults"].keys() == PROFILE_KEYS.keys()
    assert whole["defaults"]["limits"].keys() == LIMIT_KEYS.keys()
    own = set().union(*procedures) - PROFILE_KEYS.keys()
    assert own == set().union(*KINDS.values())
    assert set().union(*arguments) == ARGUMENT_KEYS.keys()


@pytest.mark.parametrize("word", [*Kind, *ResultMode, *IO_CLASSES, *KINDS, *InputMode])
def test_it_names_every_choice(word: str) -> None:
    """Whoever has to guess a word guesses wrong."""
    assert f'"{word}"' in FILE.read_text()


def test_what_has_a_default_is_shown_with_it(whole: dict[str, Any]) -> None:
    """Behind a "#" is only what has none, or one that depends on who starts harpd."""
    shown = read_file(FILE)
    hidden = whole.keys() - shown.keys()
    plain = Settings(listen=())

    for name in hidden - {"admin_socket", "users_file", "procedures_dir"}:
        assert getattr(plain, name) is None, name
    # No group, no class of IO; no bound of a call but for its core dump.
    profile = whole["defaults"].keys() - shown["defaults"].keys()
    assert profile == {"group", "io_class"}
    limits = shown["defaults"]["limits"]
    assert limits == {"max_waiting": 100, "core_bytes": 0}


CALLS: list[tuple[str, dict[str, JsonValue], list[str]]] = [
    ("disk_usage", {"folders": ["b/c"]}, ["du", "-sk", "--", "/srv/b/c"]),
    (
        "disk_usage",
        {"folders": ["b", "/srv/-c"], "exclude": "*.o; id"},
        ["du", "-sk", "--exclude=*.o; id", "--", "/srv/b", "/srv/-c"],
    ),
    (
        "restart",
        {"service": "nginx", "delay_s": 0.5, "force": False},
        ["/usr/local/sbin/restart-service", "nginx", "0.5", "false"],
    ),
    (
        "find_lines",
        {"log": "x.log", "text": "-v $(id)", "most": 100},
        ["grep", "-m", "100", "-F", "-e", "-v $(id)", "--", "/var/log/x.log"],
    ),
]


@pytest.mark.parametrize(("name", "values", "words"), CALLS)
def test_the_examples_become_the_words_that_one_expects(
    examples: dict[str, Executable],
    name: str,
    values: dict[str, JsonValue],
    words: list[str],
) -> None:
    """People write theirs after them."""
    example = examples[name]

    assert words_of(example, values) == words


def test_the_examples_keep_callers_out(examples: dict[str, Executable]) -> None:
    """An example that lets options or other folders in would be copied, too."""
    example = examples["disk_usage"]

    for folder in ("../etc", "/etc/shadow", "x/../../etc"):
        with pytest.raises(Refused):
            words_of(example, {"folders": [folder]})
