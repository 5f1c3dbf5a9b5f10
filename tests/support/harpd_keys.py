"""The keys at the top of harpd.toml, as the settings know them."""

from __future__ import annotations

import attrs

from harpcaller.worker.settings import Settings

# What the settings call otherwise than the file, or make of several keys.
_SPELLED = {
    "executables": {"procedure", "procedures_dir"},
    "max_line_bytes": {"max_worker_line_bytes"},
    "users": {"users", "users_file", "allow"},
}
TOP_LEVEL = {
    field.name: _SPELLED.get(field.name, {field.name})
    for field in attrs.fields(Settings)
}
"""By the fields of the settings: the keys that they come from."""

ALL_TOP_LEVEL = {key for keys in TOP_LEVEL.values() for key in keys}
