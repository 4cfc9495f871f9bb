"""Whether a run shows its gauges while it goes on, and where."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tactful.jobs.settings.section import Section


class Metrics(Section):
    """What a run shows of itself by Spark's own Prometheus servlet."""

    port: Annotated[int, Field(ge=1, le=65535)] | None = Field(
        default=None,
        description="a port, 1 to 65535",
        title="Where a run shows its gauges (/metrics/prometheus/) beside Spark's own pages, to "
        "whoever reaches that port; else nowhere.",
    )
