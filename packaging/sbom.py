"""Lists what the package carries: `sbom.py --wheels DIR --output DIR`, CycloneDX JSON.

All of it is read from the wheels that are packed, so nothing is asked for elsewhere.
The same wheels give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import Distribution
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from packaging.requirements import Requirement
from wheels import comparable, described_by, epoch, license_of, own_wheel

# For whom they are built; markers of dependencies ask.
TARGET = {
    "python_version": "3.11",
    "python_full_version": "3.11.2",
    "implementation_name": "cpython",
    "os_name": "posix",
    "sys_platform": "linux",
    "extra": "",
}
Component = dict[str, Any]


def main() -> None:
    """Write the list of all wheels of a folder and of our own; print where it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheels", type=Path, required=True, help="what it leans on")
    parser.add_argument("--output", type=Path, required=True, help="where it is put")
    given = parser.parse_args()

    with TemporaryDirectory() as folder:
        own = own_wheel(Path(folder))
        text = bill(own, sorted(given.wheels.glob("*.whl")))
        name = f"harpcaller-{described_by(own).version}.cdx.json"
    given.output.mkdir(parents=True, exist_ok=True)
    file = given.output / name
    file.write_text(text)
    sys.stdout.write(f"{file}\n")


def bill(own: Path, wheels: Iterable[Path]) -> str:
    """Return the list as text; it depends on nothing but the wheels and the epoch."""
    described = {wheel: described_by(wheel) for wheel in wheels}
    subject = described_by(own)
    components = [
        component_of(distribution, wheel) for wheel, distribution in described.items()
    ]
    everything = [subject, *described.values()]
    carried = [sqlite_in(found) for found in everything if name_of(found) == "apsw"]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": built_at(),
            "component": {**component_of(subject, own), "type": "application"},
        },
        "components": components + carried,
        "dependencies": [edges_of(found, everything) for found in everything],
    }
    digest = hashlib.sha256(json.dumps(document).encode()).hexdigest()
    serial = uuid.uuid5(uuid.NAMESPACE_OID, digest)
    return json.dumps({**document, "serialNumber": serial.urn}, indent=1) + "\n"


def name_of(distribution: Distribution) -> str:
    """Return its name as PyPI compares names."""
    return comparable(distribution.metadata["Name"])


def address_of(distribution: Distribution) -> str:
    """Return its package URL, by which advisories name it."""
    return f"pkg:pypi/{name_of(distribution)}@{distribution.version}"


def component_of(distribution: Distribution, wheel: Path) -> Component:
    """Return the entry of a wheel, with the hash that the lock file has too."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return {
        "type": "library",
        "bom-ref": address_of(distribution),
        "name": name_of(distribution),
        "version": distribution.version,
        "purl": address_of(distribution),
        "hashes": [{"alg": "SHA-256", "content": digest}],
        "licenses": licenses_of(distribution),
    }


def licenses_of(distribution: Distribution) -> list[Component]:
    """Return its license: only an expression is known to be one."""
    said = license_of(distribution)
    if distribution.metadata["License-Expression"]:
        return [{"expression": said}]
    return [{"license": {"name": said}}]


def sqlite_in(apsw: Distribution) -> Component:
    """Return the entry of the SQLite in apsw's wheel; apsw is numbered after it."""
    version = ".".join(apsw.version.split(".")[:3])
    address = f"pkg:generic/sqlite@{version}"
    return {
        "type": "library",
        "bom-ref": address,
        "name": "sqlite",
        "version": version,
        "purl": address,
        "licenses": [{"license": {"name": "Public Domain"}}],
    }


def edges_of(found: Distribution, everything: Sequence[Distribution]) -> Component:
    """Return what a component needs of the others; we need our extras' too."""
    extras = [""]
    if name_of(found) == "harpcaller":
        extras += found.metadata.get_all("Provides-Extra") or []
    wanted = {
        comparable(requirement.name)
        for requirement in map(Requirement, found.requires or [])
        for extra in extras
        if requirement.marker is None
        or requirement.marker.evaluate({**TARGET, "extra": extra})
    }
    needed = [address_of(other) for other in everything if name_of(other) in wanted]
    if name_of(found) == "apsw":
        needed.append(sqlite_in(found)["bom-ref"])
    return {"ref": address_of(found), "dependsOn": sorted(needed)}


def built_at() -> str:
    """Return the moment that the build is said to be of."""
    return datetime.fromtimestamp(epoch(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


if __name__ == "__main__":
    main()
