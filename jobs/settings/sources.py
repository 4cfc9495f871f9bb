"""Where events and reference tables come from, and how they are read."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from tactful.jobs.settings.csv_form import CsvForm
from tactful.jobs.settings.fields import (
    Count,
    Duration,
    PathText,
    Stream,
    Text,
    known_zone,
    partition_fields,
)
from tactful.jobs.settings.section import Section
from tactful.jobs.settings.transports import EARLIEST, beginning, table_name, topic_pattern
from tactful.transforms.sources import CANONICAL, DIALECTS

# Of ASCII, and no line's end.
ONE_SIGN = r"^[\t -~]\z"


class Source(Section):
    """One place where events land, and what its rows are."""

    stream: Stream | None = Field(
        default=None, title="What its rows are, unless its dialect says it of each row."
    )
    dialect: Literal[tuple(DIALECTS)] = Field(  # type: ignore[valid-type]
        default=CANONICAL, title="Whose form its rows have."
    )
    format: Literal["json", "parquet", "csv", "avro", "delta", "kafka"] = Field(
        default="json", title="What its files are, or what else it reads: a Delta table, topics."
    )
    path: PathText | None = Field(
        default=None,
        description="a path or a URI",
        title="The folder below which every file is read, once, or the folder of a Delta table.",
    )
    table: Annotated[str, AfterValidator(table_name)] | None = Field(
        default=None,
        description="schema.table or catalog.schema.table",
        title="Of format delta: the table's name in a catalog that Spark knows, instead of a path.",
    )
    partitions: Annotated[tuple[str, ...], AfterValidator(partition_fields)] = Field(
        default=(),
        description="a list of fields that folders are named after, as day is by day=2026-01-31; "
        "not event_id, and none that holds a list or a table",
        title="Fields that the names of its sub-folders say.",
    )
    fields: dict[str, str | dict[str, str]] | None = Field(
        default=None,
        description="a table of fields, each a column or an expression",
        title="Of dialect mapped: where each canonical field comes from; a time by "
        "time(column, 'pattern') of the letters y M d D H h K k m s S a G and, for its zone, "
        "Z XXX x O z VV, or by epoch_seconds(column) or epoch_milliseconds(column).",
    )
    time_zone: Annotated[str, AfterValidator(known_zone)] | None = Field(
        default=None,
        description="a time zone such as Europe/Berlin",
        title="Of dialect mapped: the zone of times that are told without one.",
    )
    one_event_by: Text | None = Field(
        default=None,
        description="the name of a column",
        title="Of dialect mapped: the column that all rows of one order share, each a line of it, "
        "wherever they stand in one file. Rows in another file are another event; of the same "
        "event_id it is refused as id_reused, as what comes again with another payload is. An "
        "order of which a row could not be read, or whose rows contradict each other, is refused.",
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

    expected_every: Duration | None = Field(
        default=None,
        title="How often something comes of it: as long as less comes, it lags behind.",
    )
    servers: Text | None = Field(
        default=None,
        description="host:port of one broker or of several, with commas between",
        title="Of format kafka: where its brokers are.",
    )
    subscribe: tuple[Text, ...] = Field(
        default=(), description="a list of topics", title="Of format kafka: the topics it reads."
    )
    subscribe_pattern: Annotated[str, AfterValidator(topic_pattern)] | None = Field(
        default=None,
        description="a regular expression",
        title="Of format kafka, instead of a list: what whole names of its topics look like; those "
        "that come later are read from their begin.",
    )
    starting_offsets: Annotated[str, AfterValidator(beginning)] = Field(
        default=EARLIEST,
        description="earliest, latest, or a time with its zone such as 2026-01-31T00:00Z",
        title="Of format kafka: where a topic that was never read begins.",
    )
    batch_rows: Count = Field(
        default=1_000_000, title="Of format kafka: so many offsets at most are read at once."
    )
    lost: Literal["stop", "skip"] = Field(
        default="stop",
        title="Of formats kafka and delta: what to do where rows are gone before they were read.",
    )
    avro_schemas: dict[str, PathText] | None = Field(
        default=None,
        description="a table of schema ids, each the path of an Avro schema file",
        title="Of format kafka: the schemas of values that are Avro as Confluent frames it.",
    )
    options: dict[str, Text] = Field(
        default_factory=dict,
        description="a table of texts; passwords and the like as references, "
        '"env:NAME" or "databricks:scope/key"',
        title="Of format kafka: settings of its client, such as security.protocol.",
    )

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams that its rows may be of."""
        return (self.stream,) if self.stream else DIALECTS[self.dialect].streams

    @property
    def is_files(self) -> bool:
        """Whether it is files that land in a folder; else it is read by positions."""
        return self.format not in ("kafka", "delta")

    @property
    def reading(self) -> dict[str, Any]:
        """What its dialect has to know beside the rows."""
        if DIALECTS[self.dialect].faults is None:
            return {}
        return {
            "fields": self.fields,
            "time_zone": self.time_zone,
            "one_event_by": self.one_event_by,
        }

    @property
    def csv_form(self) -> CsvForm | None:
        """How its files are written; None where they are no CSV."""
        if self.format != "csv":
            return None
        told = DIALECTS[self.dialect].columns
        needed = tuple(told(self.stream or "", self.fields or {})) if told else ()
        needed += (self.one_event_by,) if self.one_event_by else ()
        return CsvForm(self.delimiter, self.quote, self.columns, needed)


class Reference(Section):
    """One table that the retailer hands over whole, such as the products."""

    format: Literal["json", "parquet"] = Field(default="json", title="What its files are.")
    path: PathText = Field(title="Its file, or the folder of its files.")
