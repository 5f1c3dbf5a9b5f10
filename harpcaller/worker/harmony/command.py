"""The command line and the variables of a Harmony service: pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

import attrs

from harpcaller.worker.harmony.request import refuse
from harpcaller.worker.harmony.settings import HarmonyCli, InputMode
from harpcaller.worker.kinds.arguments import MAX_WORD_BYTES
from protocol.jsontext import JsonText

INLINE_BYTES = 100_000  # Linux takes 131,071 in a word; Harmony's own bound is this
SECRET_KEY = "SHARED_SECRET_KEY"  # noqa: S105 (the name of a variable)
ALWAYS_ALLOWED = (
    *("APP_NAME", "HARP_SERVICE_TITLE", "HARP_SERVICE_VERSION"),
    *("STAGING_BUCKET", "STAGING_PATH", "USER_AGENT"),
    *("MAX_DOWNLOAD_RETRIES", "POST_URL_LENGTH", "SERVICE_LOG_LEVEL"),
)
"""What a call may set where the operator says nothing else."""

_CLIENTS = {"docker", "podman", "nerdctl"}
_PLACE = re.compile(r"\{([a-z_]+)\}")
_PLACES = {"name", "private_dir", "env_file"}
# harmony-service-lib wants the first two to be there, if only to find them empty; its
# lines are JSON, and each comes when it is written.
_DEFAULTS = {
    "STAGING_BUCKET": "",
    "STAGING_PATH": "",
    "TEXT_LOGGER": "false",
    "PYTHONUNBUFFERED": "1",
}
_FAKING = {"dev", "test"}  # harmony-service-lib: then nothing is staged


@attrs.frozen(kw_only=True)
class Places:
    """Where the files of one call are; `input_file` is None for an inline message."""

    input_file: str | None
    sources: str
    metadata_dir: str
    data_location: str | None


def is_container(argv: Sequence[str]) -> bool:
    """Tell whether the program is only the client of what does the work."""
    return argv[0].rpartition("/")[2] in _CLIENTS


def check_argv(argv: Sequence[str]) -> None:
    """Do nothing if `argv` can run a service.

    Raises:
        ValueError: naming what is wrong.
    """
    if not argv or not argv[0] or _PLACE.search(argv[0]):
        raise ValueError('"argv": the program has to be named')
    unknown = {name for word in argv for name in _PLACE.findall(word)} - _PLACES
    if unknown:
        raise ValueError(f'"argv": there is no {{{min(unknown)}}}')
    if any("\0" in word for word in argv):
        raise ValueError('"argv": no word has a NUL')
    words = " ".join(argv).replace("--name=", "--name ")
    if is_container(argv) and "--name {name}" not in words:
        raise ValueError('"argv": a container needs "--name", "{name}", to be ended by')


def check_environment(environment: Mapping[str, str]) -> None:
    """Do nothing if a service may have these variables.

    Raises:
        ValueError: naming the variable.
    """
    if SECRET_KEY in environment:
        raise ValueError(f'"environment": {SECRET_KEY} belongs into "secret_key_file"')
    if environment.get("ENV") in _FAKING:
        raise ValueError('"environment": with ENV dev or test nothing is staged')


def fill(words: Iterable[str], place: str) -> list[str]:
    """Return `words` with the names of one call in them; `place` is its folder."""
    known = {
        "name": place.rpartition("/")[2],
        "private_dir": place,
        "env_file": env_file(place),
    }
    return [_PLACE.sub(lambda found: known[found[1]], word) for word in words]


def env_file(place: str) -> str:
    """Return where the variables of a container are written."""
    return f"{place}/env"


def wants_env_file(argv: Iterable[str]) -> bool:
    """Tell whether the variables are read from a file."""
    return any("{env_file}" in word for word in argv)


def is_inline(mode: InputMode, message: JsonText, *, has_token: bool) -> bool:
    """Tell whether the message is a word of the command line.

    Everybody on the machine can read it there, so that a token goes into a file,
    unless the operator wants it otherwise.

    Raises:
        Refused: `invalid_argument_list`, it is to be one and is too long.
    """
    if mode is InputMode.AUTO:
        return len(message) <= INLINE_BYTES and not has_token
    if mode is InputMode.INLINE and len(message) > MAX_WORD_BYTES:
        refuse(f"message: more than {MAX_WORD_BYTES} bytes, which a word has")
    return mode is InputMode.INLINE


def command(argv: Sequence[str], place: str, message: str, places: Places) -> list[str]:
    """Return the words that have harmony-service-lib carry out one call."""
    words = [*fill(argv, place), "--harmony-action", "invoke"]
    if places.input_file is None:
        words += ["--harmony-input", message]
    else:
        words += ["--harmony-input-file", places.input_file]
    words += ["--harmony-sources", places.sources]
    words += ["--harmony-metadata-dir", places.metadata_dir]
    if places.data_location is not None:
        words += ["--harmony-data-location", places.data_location]
    return words


def variables(
    settings: HarmonyCli, given: Mapping[str, str], *, has_token: bool
) -> dict[str, str]:
    """Return what is told to the service; `given` is what the call asks for.

    Without a token there must be no key either: the library would try to decrypt.

    Raises:
        Refused: `invalid_argument_list`, naming the variable.
    """
    for name, value in given.items():
        if name == SECRET_KEY or not _is_allowed(name, settings.env_allow):
            refuse(f'env: "{name[:100]}" is not for calls to set ("env_allow")')
        if "\0" in value or (name == "ENV" and value in _FAKING):
            refuse(f'env: "{name[:100]}" cannot have that value')
    key = settings.secret_key if has_token else ""
    return {**_DEFAULTS, **dict(settings.environment), **given, SECRET_KEY: key}


def env_lines(variables: Mapping[str, str]) -> str:
    """Return the text of a file of variables, as docker reads it.

    Raises:
        Refused: `invalid_argument_list`, one has a line end.
    """
    for name, value in variables.items():
        if "\n" in value or "\r" in value:
            refuse(f'env: "{name}" has a line end, which no file of variables can have')
    return "".join(f"{name}={value}\n" for name, value in variables.items())


def _is_allowed(name: str, patterns: Iterable[str]) -> bool:
    usable = name.isascii() and name.isidentifier()
    return usable and any(fnmatchcase(name, pattern) for pattern in patterns)
