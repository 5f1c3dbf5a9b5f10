"""The tables [adapters.NAME.s3] of configuration files, those that can be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from harpcaller.config import load_config
from harpcaller.runners.outside.s3_client import S3Settings


@pytest.mark.parametrize(
    ("lines", "settings"),
    [
        ("", S3Settings()),
        (
            """
            endpoint_url = "https://s3.example.net"
            region = "eu-west-1"
            read_timeout_s = 2.5
            attempts = 1
            """,
            S3Settings(
                endpoint_url="https://s3.example.net",
                region="eu-west-1",
                read_timeout_s=2.5,
                attempts=1,
            ),
        ),
    ],
)
def test_where_documents_lie_is_read(
    tmp_path: Path, lines: str, settings: S3Settings
) -> None:
    """What is not said is the default, or boto3's to find."""
    path = tmp_path / "harpcaller.toml"
    path.write_text(
        f'[adapters.cumulus]\nworkflows = "w"\n[adapters.cumulus.s3]{lines}'
    )
    (tmp_path / "w").mkdir()
    task = '{"name": "t", "host": "h"}'
    (tmp_path / "w" / "W.json").write_text(f'{{"name": "W", "tasks": [{task}]}}')

    [installed] = load_config(path).adapters

    assert installed.s3 == settings
