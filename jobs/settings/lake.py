"""Where a lake lies, and what a run may do of itself."""

from __future__ import annotations

import warnings
from typing import Annotated

from pydantic import Field

from tactful.jobs import references
from tactful.jobs.lake.names import PART
from tactful.jobs.settings.fields import Count, Duration, PathText
from tactful.jobs.settings.section import Section

# Pydantic's own, which nobody has called since its second version, has a user's word for its name.
warnings.filterwarnings("ignore", message='Field name "schema"', category=UserWarning)
NAME = Annotated[str, Field(pattern=rf"^{PART}\z")]


class LakeSettings(Section):
    """Where everything lies, who can read it, and what a run may do of itself."""

    location: PathText = Field(title="Where the lake lies, with all its tables and files.")
    catalog: NAME | None = Field(
        default=None,
        description="the name of a catalog that Spark knows, such as spark_catalog",
        title="The catalog that keeps the tables by name, with `schema`; its files then hold the "
        "rest of the lake. Silent: each table is a folder of the lake's.",
    )
    schema: NAME | None = Field(  # type: ignore[assignment]
        default=None,
        description="the name of a schema of that catalog",
        title="Of that catalog the schema in which the tables are made; it is this lake's alone.",
    )
    secret: str = Field(
        pattern=references.OF_A_LAKE,
        description='"auto", "env:NAME" or "databricks:scope/key"',
        title="What identifiers are hashed with: a secret of its own folder, of a variable, or of "
        "a scope of Databricks.",
    )
    publish_every: Duration = Field(title="How often a continuous run publishes its tables.")
    first_run_bound: Count = Field(
        title="A changed rule that adds more records to a destination waits for run --confirm."
    )
    driver_identifiers: Count = Field(
        title="With more identifiers than this a backlog's persons are worked out on the "
        "executors, in shards; up to it on the driver, which takes less than 1 KiB for each."
    )
    driver_records: Count = Field(
        title="Of more records than this a batch's requests are made and written on the executors; "
        "up to it on the driver, which holds those of one request at a time."
    )

    @property
    def tables_in(self) -> str | None:
        """Catalog and schema of the tables, with a dot between; None where they are folders."""
        return f"{self.catalog}.{self.schema}" if self.catalog and self.schema else None
