"""Tables of the way in: what landed, what waits for its time, what was refused."""

from __future__ import annotations

from tactful.schemas.events import ACCEPTED, DOUBTS, STREAMS, wide_columns
from tactful.schemas.table import Column, Table

POSITION = "struct<file:string,modified_at:timestamp,line_hash:string>"

RECEIVED = Table(
    "received",
    "row that landed",
    (),
    (
        Column("stream", "string", "The stream its source feeds.", nullable=False),
        Column("source_name", "string", "The configured source it came from.", nullable=False),
        Column(
            "source_position",
            POSITION,
            "Where the row stood, and when its file was written.",
            clock=True,
        ),
        Column("raw", "string", "The row as it came, made valid UTF-8.", protected=True),
        Column("raw_base64", "string", "Its bytes, where they were not UTF-8.", protected=True),
        Column("reasons", "array<string>", "Every rule it breaks; empty when it may be accepted."),
        DOUBTS,
        Column("event_hash", "binary", "16 bytes that stand for stream and event_id."),
        Column("payload_hash", "binary", "16 bytes of the payload without received_at, source."),
        Column("landed_at", "timestamp", "When its landing file was written, UTC.", clock=True),
        *wide_columns(),
    ),
    "Every row of every source as it landed, understood and checked; what a replay begins with.",
    log=True,
    streamed=True,
    erased_by="raw",
)

FILES = Table(
    "files",
    "landing file",
    ("source_name", "path"),
    (
        Column("source_name", "string", "The configured source it came from.", nullable=False),
        Column("path", "string", "The file, by its whole name.", nullable=False, clock=True),
        Column(
            "state", "string", "What became of it.", nullable=False, allowed=("landed", "refused")
        ),
        Column(
            "reason",
            "string",
            "Why it was refused, which one row of quarantine says, too; or what it lacks.",
        ),
        Column("modified_at", "timestamp", "When it was written, UTC.", clock=True),
        Column("size_bytes", "bigint", "Its size.", at_least=0),
        Column("batch_id", "bigint", "The batch of its source that it landed in.", clock=True),
        Column("landed_at", "timestamp", "When it was landed, UTC.", clock=True),
    ),
    "Every file that was read, once, under its name; what lies there and is not here yet waits.",
    log=True,
    erased_by="nothing",
)

LANDED_RANGES = Table(
    "landed_ranges",
    "source × part × range of positions",
    ("source_name", "part", "from_position", "until_position"),
    (
        Column("source_name", "string", "The configured source it came from.", nullable=False),
        Column(
            "part",
            "string",
            "A topic and its partition (orders/3), or the id of a Delta table.",
            nullable=False,
        ),
        Column(
            "from_position", "bigint", "The first offset or version.", nullable=False, at_least=0
        ),
        Column("until_position", "bigint", "The one behind the last.", nullable=False, at_least=0),
        Column(
            "state",
            "string",
            "What became of it: lost was gone before it was read.",
            nullable=False,
            allowed=("landed", "lost"),
        ),
        Column(
            "left_aside_count",
            "bigint",
            "Rows that were deleted in a table, no events.",
            at_least=0,
        ),
        Column("batch_id", "bigint", "The batch of its source that it landed in.", clock=True),
        Column("landed_at", "timestamp", "When it was landed, UTC.", clock=True),
    ),
    "How far each source was read that is no folder: topics by offsets, Delta tables by versions.",
    log=True,
    erased_by="nothing",
)

QUARANTINE = Table(
    "quarantine",
    "rejected row",
    (),
    (
        Column(
            "stream",
            "string",
            "The stream its source feeds, or the reference table.",
            nullable=False,
            allowed=(*STREAMS, "products", "campaigns", "rates"),
        ),
        Column(
            "source_name",
            "string",
            "The configured source it came from, or reference.NAME.",
            nullable=False,
        ),
        Column(
            "source_position",
            POSITION,
            "Where the row stood, and when its file was written.",
            clock=True,
        ),
        Column("event_id", "string", "Its event_id, where it could be read."),
        Column("raw", "string", "The row as it came, made valid UTF-8.", protected=True),
        Column("raw_base64", "string", "Its bytes, where they were not UTF-8.", protected=True),
        Column("reasons", "array<string>", "Every rule it breaks.", nullable=False),
        Column("quarantined_at", "timestamp", "When its landing file was written.", clock=True),
    ),
    "Rows that could not be accepted, whole, with every reason.",
    erased_by="raw",
)

WAITING = Table(
    "waiting",
    "event",
    ("stream", "event_id"),
    (
        Column("stream", "string", "The stream it belongs to.", nullable=False),
        *wide_columns(),
        *ACCEPTED,
    ),
    "Accepted events dated after the decision clock; they enter nothing else before their time.",
    log=True,
    erased_by="keys",
)

TICKS = Table(
    "ticks",
    "tick of the decision clock",
    ("tick_id",),
    (
        Column("tick_id", "string", "The tick.", nullable=False),
        Column("as_of", "timestamp", "What the clock said, UTC.", nullable=False),
        Column("configuration_hash", "string", "The configuration of the run that ticked."),
        Column("software_version", "string", "The software of the run that ticked."),
    ),
    "The clock that is data: one row a run, so that time passes on a quiet lake too.",
    log=True,
    streamed=True,
    erased_by="nothing",
)

BATCHES = Table(
    "batches",
    "query × batch",
    ("query", "generation", "batch_id"),
    (
        Column("query", "string", "The query.", nullable=False),
        Column("generation", "string", "The checkpoint it ran on."),
        Column("batch_id", "bigint", "The batch.", nullable=False),
        Column("as_of", "timestamp", "The decision clock of the batch."),
        Column("read_rows", "bigint", "Rows read.", at_least=0),
        Column("accepted_rows", "bigint", "Rows accepted.", at_least=0),
        Column("duplicate_rows", "bigint", "Repeats of an accepted event.", at_least=0),
        Column("quarantined_rows", "bigint", "Rows quarantined.", at_least=0),
        Column(
            "forgotten_rows", "bigint", "Rows of persons who asked to be forgotten.", at_least=0
        ),
        Column("id_reused_rows", "bigint", "Of the quarantined: an id with another payload."),
        Column("waiting_rows", "bigint", "Events put aside until their time comes."),
        Column("affected_persons", "bigint", "Persons whose decisions were looked at again."),
        Column(
            "decided_anew",
            "string",
            "Of everybody the part that was decided again since a rule had changed, such as 1 of 3.",
            is_later=True,
        ),
        Column("slow_path_persons", "bigint", "Of those, computed again from the timeline."),
        Column("watermark", "timestamp", "Newest event time read."),
        Column("seconds", "map<string,double>", "Seconds spent per step.", clock=True),
    ),
    "One row a batch of each query: what was read and what became of it.",
    erased_by="nothing",
)
