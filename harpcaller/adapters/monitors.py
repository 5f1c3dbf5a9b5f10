"""A monitor that our own jobs are reported to, and how."""

from __future__ import annotations

from enum import Enum

import attrs


class GroupBy(Enum):
    """Which jobs are one workflow."""

    QUEUE = "queue"
    JOB = "job"
    WORKFLOW = "info.workflow"


@attrs.frozen(kw_only=True)
class ReportingSettings:
    """A monitor that our jobs are reported to, and what of them; seconds."""

    url: str
    token: str | None = attrs.field(default=None, repr=False)
    group_by: GroupBy = GroupBy.QUEUE
    idle_close_s: float = 30
    report_packets: bool = False
    report_arguments: bool = False
    follow_foreign: bool = False
