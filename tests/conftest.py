"""What holds for every test: in CI none is skipped, and properties say their seed."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

IN_CI = os.environ.get("CI") == "true"

# The machines of CI are shared: a slow example is no finding, a wrong one is.
settings.register_profile("shared", deadline=None, print_blob=True)
settings.load_profile("shared")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run where a test could not be run: its proof would be missing."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not IN_CI or reporter is None or session.exitstatus != pytest.ExitCode.OK:
        return
    skipped = reporter.stats.get("skipped", [])
    if skipped:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter.write_line(f"\nCI=true: {len(skipped)} skipped test(s) fail the run")
