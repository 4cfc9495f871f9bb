"""What a business expects of its tables' rows, beside what holds in every lake."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tactful.jobs.settings.fields import PathText
from tactful.jobs.settings.section import Section

NOTHING, SPEECH, SENDING = "nothing", "speech", "sending"


class Quality(Section):
    """What `tactful quality` looks at, and what waits where it finds something critical."""

    suites: PathText | None = Field(
        default=None,
        title="A folder of TOML files, or one file, with what else is expected of the tables.",
    )
    hold: Literal["nothing", "speech", "sending"] = Field(
        default=NOTHING,
        title="What waits while something critical is not met: batches say nothing new (speech), "
        "or besides nothing at all is sent to destinations, suppressions neither (sending).",
    )
