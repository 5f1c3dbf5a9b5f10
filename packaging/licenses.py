"""The copyright file of the package: our own license, and those of what comes along."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from email.utils import getaddresses
from importlib.metadata import Distribution
from pathlib import Path

from wheels import ROOT, described_by, license_of

PARAGRAPH = """
Files: {files}
Copyright: {authors}
License: {name}-as-in-{project}
 {license}; its text is in {project}-*.dist-info.
"""


def copyright_file(wheels: Iterable[Path], site: Path) -> str:
    """Return the text; the wheels' files are below `site`."""
    text = (ROOT / "packaging" / "copyright").read_text()
    return text + "".join(paragraph(wheel, site) for wheel in wheels)


def paragraph(wheel: Path, site: Path) -> str:
    """Return what the file says of a wheel."""
    distribution = described_by(wheel)
    with zipfile.ZipFile(wheel) as archive:
        tops = sorted({name.partition("/")[0] for name in archive.namelist()})
    license_ = license_of(distribution)
    return PARAGRAPH.format(
        files="\n ".join(f"{site.relative_to('/')}/{top}*" for top in tops),
        authors=authors_of(distribution),
        name=license_.split()[0].strip("(,;"),
        project=wheel.name.partition("-")[0],
        license=license_,
    )


def authors_of(distribution: Distribution) -> str:
    """Return their names, as far as the wheel tells them."""
    told = distribution.metadata
    addresses = getaddresses([told["Author-email"] or ""])
    names = [name for name, _ in addresses if name]
    return told["Author"] or ", ".join(names) or "the authors of " + told["Name"]
