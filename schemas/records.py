"""What goes out to ad networks and messaging services, and what became of it."""

from __future__ import annotations

from tactful.schemas.table import Column, Table

# What is said, as a copy for a test recipient; it counts in no figure. Its decision_id begins so.
TEST, TEST_MARK = "test", "test-"
OPERATIONS = ("add", "remove", "send", "cancel", "suppress", "unsuppress", TEST)

RECORDS = Table(
    "records",
    "record emitted",
    ("record_id",),
    (
        Column(
            "record_id",
            "string",
            "Hash of destination, audience, operation, identifiers, cause and batch.",
            nullable=False,
        ),
        Column("identifier_keys", "array<string>", "The identifiers it carries."),
        Column("destination", "string", "Where it goes.", nullable=False),
        Column("audience", "string", "The audience it changes."),
        Column("operation", "string", "What it asks for.", nullable=False, allowed=OPERATIONS),
        Column("person_id", "string", "Whose identifiers they are."),
        Column("decision_id", "string", "The suppression or decision behind it."),
        Column(
            "payload",
            "string",
            "JSON, one row in the destination's form.",
            nullable=False,
            protected=True,
        ),
        Column("emitted_at", "timestamp", "Decision clock of its batch."),
        Column("batch_id", "bigint", "The batch that emitted it."),
        Column("position", "bigint", "Its place in the batch's file order: removals come first."),
        Column(
            "consent_event",
            "string",
            "The event by which who is added at an ad network, spoken to, or let through again "
            "had said yes, as stream:event_id; null where nobody was asked, or none is needed.",
            is_later=True,
        ),
        Column(
            "policy_text", "string", "The words that they said yes to, where told.", is_later=True
        ),
    ),
    "Every record that was emitted.",
    erased_by="keys",
)

MEMBERSHIPS = Table(
    "memberships",
    "destination × audience × identifier × batch that changed it",
    (),
    (
        Column("destination", "string", "The destination.", nullable=False),
        Column("audience", "string", "The audience.", nullable=False),
        Column("identifier_key", "string", "The identifier.", nullable=False),
        Column(
            "member_key",
            "string",
            "Keyed hash of the value in the destination's form.",
            nullable=False,
        ),
        Column("is_member", "boolean", "Whether its person belongs to the audience."),
        Column(
            "is_withheld",
            "boolean",
            "Whether its person said no to ads or it is nobody's own: at an ad network nobody is "
            "told of by that value.",
            is_later=True,
        ),
        Column("identifier_type", "string", "Of a network's member: its form.", is_later=True),
        Column("person_id", "string", "Of a network's member: whose it was then.", is_later=True),
        Column(
            "decision_id", "string", "Of a network's member: what spoke for it then.", is_later=True
        ),
        Column(
            "answer",
            "string",
            "Of a network's member: granted, or null where nobody had asked for consent then.",
            is_later=True,
        ),
        Column(
            "proof",
            "struct<event:string,policy_text:string>",
            "Of a network's member: the event that granted it, and to what.",
            is_later=True,
        ),
        Column("batch_id", "bigint", "The batch that wrote it; the newest row stands."),
    ),
    "Which identifiers each audience should hold, and which must not be told there; the newest row "
    "of an identifier stands. A destination holds a value that some member has and nothing withholds.",
    log=True,
    erased_by="keys",
)

DELIVERIES = Table(
    "deliveries",
    "file or request",
    ("destination", "name"),
    (
        Column("destination", "string", "The destination.", nullable=False),
        Column("name", "string", "The file's name in the outbox.", nullable=False),
        Column("audience", "string", "The audience it changes."),
        Column("operation", "string", "What it asks for.", allowed=OPERATIONS),
        Column("records", "bigint", "Rows in it.", at_least=1),
        Column(
            "state",
            "string",
            "written, accepted, rejected or retrying.",
            allowed=("written", "accepted", "rejected", "retrying"),
        ),
        Column(
            "warnings",
            "array<string>",
            "What the reader should know: below_minimum, an audience too small to be used.",
        ),
        Column("response", "string", "What the destination answered."),
        Column("at", "timestamp", "Decision clock of its batch."),
        Column("batch_id", "bigint", "The batch that wrote it."),
        Column("text_sha256", "string", "SHA-256 of what was written.", is_later=True),
    ),
    "Every file that was written to the outbox.",
    erased_by="nothing",
)

DELIVERY_STATES = Table(
    "delivery_states",
    "file × end that sending it came to",
    ("destination", "name", "at"),
    (
        Column("destination", "string", "The destination.", nullable=False),
        Column("name", "string", "The file's name in the outbox.", nullable=False),
        Column("audience", "string", "The audience it changes."),
        Column("operation", "string", "What it asks for.", allowed=OPERATIONS),
        Column(
            "state",
            "string",
            "What the destination made of it; given_up: it could not be told for too long.",
            nullable=False,
            allowed=("accepted", "rejected", "given_up"),
        ),
        Column("accepted_records", "bigint", "Rows it took.", at_least=0),
        Column("refused_records", "bigint", "Rows it did not take.", at_least=0),
        Column("call_count", "bigint", "How many calls that took, repeats counted.", at_least=0),
        Column("response", "string", "What it answered, without personal data."),
        Column("at", "timestamp", "When it came to that.", nullable=False),
        Column(
            "effective_by",
            "timestamp",
            "From when on it holds there, as its vendor documents it; null where that is unknown.",
        ),
    ),
    "What became of every file that was sent; the newest row of a file stands. One that is on its way has none.",
    erased_by="nothing",
)

DELIVERY_ROWS = Table(
    "delivery_rows",
    "record that its destination did not simply take",
    ("record_id", "at"),
    (
        Column("record_id", "string", "The record.", nullable=False),
        Column("destination", "string", "The destination.", nullable=False),
        Column("name", "string", "The file's name in the outbox.", nullable=False),
        Column(
            "state",
            "string",
            "rejected; closed_before: who it is about had opted out there before; kept_closed: so "
            "it was not opened again.",
            nullable=False,
            allowed=("rejected", "closed_before", "kept_closed"),
        ),
        Column("reason", "string", "Why, as the destination said it."),
        Column("at", "timestamp", "When its file came to its end.", nullable=False),
    ),
    "Rows of files that were sent which are not simply accepted, where the destination tells rows apart.",
    erased_by="nothing",
)

LEFT_OUT = Table(
    "left_out",
    "destination that asks for ad consent",
    ("destination",),
    (
        Column("destination", "string", "The destination.", nullable=False),
        Column(
            "wanted_persons",
            "bigint",
            "Persons whom its rule protects now.",
            at_least=0,
            clock=True,
        ),
        Column(
            "not_asked_persons",
            "bigint",
            "Of those, left out since they said nothing of consent to ads, where silence is no.",
            at_least=0,
            clock=True,
        ),
        Column(
            "withdrawn_persons",
            "bigint",
            "Of those, left out since they withdrew their consent to ads.",
            at_least=0,
            clock=True,
        ),
        Column("as_of", "timestamp", "When this was worked out.", clock=True),
    ),
    "Who is left out of each ad network's audience for want of consent.",
    erased_by="publication",
)

DROPPED = Table(
    "dropped_identifiers",
    "destination × identifier × batch",
    (),
    (
        Column("destination", "string", "The destination.", nullable=False),
        Column("identifier_key", "string", "The identifier.", nullable=False),
        Column("identifier_type", "string", "Its type."),
        Column("reason", "string", "Why the destination cannot take it.", nullable=False),
        Column("batch_id", "bigint", "The batch that dropped it."),
    ),
    "Identifiers that a destination's form cannot carry, and why; the newest row of each stands, and others go in time.",
    log=True,
    erased_by="keys",
)
