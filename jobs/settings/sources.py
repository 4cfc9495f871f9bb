"""Where events and reference tables land, and how their files are read."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from tactful.jobs.settings.csv_form import CsvForm
from tactful.jobs.settings.fields import PathText, Stream, Text, known_zone, partition_fields
from tactful.jobs.settings.section import Section
from tactful.transforms.sources import CANONICAL, DIALECTS

# Of ASCII, and no line's end.
ONE_SIGN = r"^[\t -~]\z"


class Source(Section):
    """One place where files of events land, and what their rows are."""

    stream: Stream | None = Field(
        default=None, title="What its rows are, unless its dialect says it of each row."
    )
    dialect: Literal[tuple(DIALECTS)] = Field(  # type: ignore[valid-type]
        default=CANONICAL, title="Whose form its rows have."
    )
    format: Literal["json", "parquet", "csv"] = Field(default="json", title="What its files are.")
    path: PathText = Field(title="The folder below which every file is read, once.")
    partitions: Annotated[tuple[str, ...], AfterValidator(partition_fields)] = Field(
        default=(),
        description="a list of fields that folders are named after, as day is by day=2026-01-31; "
        "not event_id, and none that holds a list or a table",
        title="Fields that the names of its sub-folders say.",
    )
    fields: dict[str, str | dict[str, str]] | None = Field(
        default=None,
        description="a table of fields, each a column or an expression",
        title="Of dialect mapped: where each canonical field comes from.",
    )
    time_zone: Annotated[str, AfterValidator(known_zone)] | None = Field(
        default=None,
        description="a time zone such as Europe/Berlin",
        title="Of dialect mapped: the zone of times that are told without one.",
    )
    delimiter: str = Field(
        default=",", pattern=ONE_SIGN, description="one sign", title="Between CSV values."
    )
    quote: str = Field(
        default='"', pattern=ONE_SIGN, description="one sign", title="Around CSV values."
    )
    columns: tuple[Text, ...] = Field(
        default=(),
        description="a list of names",
        title="The columns of CSV files that begin without a line of names.",
    )

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams that its rows may be of."""
        return (self.stream,) if self.stream else DIALECTS[self.dialect].streams

    @property
    def reading(self) -> dict[str, Any]:
        """What its dialect has to know beside the rows."""
        if DIALECTS[self.dialect].faults is None:
            return {}
        return {"fields": self.fields, "time_zone": self.time_zone}

    @property
    def csv_form(self) -> CsvForm | None:
        """How its files are written; None where they are no CSV."""
        if self.format != "csv":
            return None
        return CsvForm(self.delimiter, self.quote, self.columns)


class Reference(Section):
    """One table that the retailer hands over whole, such as the products."""

    format: Literal["json", "parquet"] = Field(default="json", title="What its files are.")
    path: PathText = Field(title="Its file, or the folder of its files.")
