"""What a business expects of its tables' rows, beside what holds in every lake."""

from __future__ import annotations

from pydantic import Field

from tactful.jobs.settings.fields import PathText
from tactful.jobs.settings.section import Section


class Quality(Section):
    """What `tactful quality` looks at."""

    suites: PathText | None = Field(
        default=None,
        title="A folder of TOML files, or one file, with what else is expected of the tables.",
    )
