"""Who is who: identifiers, the links between them, and the persons they make."""

from __future__ import annotations

from tactful.schemas.table import Column, Table
from tactful.schemas.words import MANUAL_LINK_TYPES

STATES = ("linked", "hub", "neutral", "blocked")
# A set was seen together in events, or somebody of the business said something of two.
SEEN = "seen"
LINK_KINDS = (SEEN, *MANUAL_LINK_TYPES)

IDENTIFIERS = Table(
    "identifiers",
    "identifier and form in which it was seen",
    ("identifier_key", "identifier_type"),
    (
        Column(
            "identifier_key",
            "string",
            "HMAC-SHA-256 under the lake's secret, 32 hex digits.",
            nullable=False,
        ),
        Column(
            "identifier_type",
            "string",
            "Its type; an email may also be known as email_sha256.",
            nullable=False,
        ),
        Column("value", "string", "The normalised value.", protected=True),
    ),
    "The one place where raw emails, phones, names and device ids live beside the events.",
    erased_by="keys",
)

LINKS = Table(
    "links",
    "set of identifiers seen together × batch",
    (),
    (
        Column("link_id", "string", "Hash of the set and its kind.", nullable=False),
        Column("identifier_keys", "array<string>", "The set, highest priority first."),
        Column("identifier_types", "array<string>", "Their types, in the same order."),
        Column("blocked_keys", "array<string>", "Blocked identifiers seen in the same events."),
        Column("blocked_types", "array<string>", "Their types, in the same order."),
        Column(
            "first_seen",
            "struct<occurred_at:timestamp,stream:string,event_id:string>",
            "First event with the set.",
        ),
        Column(
            "last_seen",
            "struct<occurred_at:timestamp,stream:string,event_id:string>",
            "Last event with the set.",
        ),
        Column(
            "kind",
            "string",
            "seen: in events; else what somebody of the business said of two. Null, of before: seen.",
            allowed=LINK_KINDS,
            is_later=True,
        ),
        Column("batch_id", "bigint", "The batch that wrote it."),
    ),
    "Which identifiers were seen together, or said to belong together or not, and when first and last; rows of one set and kind merge by min and max.",
    log=True,
    erased_by="keys",
)

LABELS = Table(
    "labels",
    "identifier × batch that changed it",
    (),
    (
        Column("identifier_key", "string", "The identifier.", nullable=False),
        Column("identifier_type", "string", "Its type (email_sha256 counts as email)."),
        Column("component_key", "string", "Smallest key of everything linked to it before cuts."),
        Column("person_id", "string", "Its person; null for hubs and blocked values."),
        Column("state", "string", "linked, hub, neutral or blocked.", allowed=STATES),
        Column("neutral_from_at", "timestamp", "From when a shared device belongs to nobody."),
        Column("neutral_person_id", "string", "The steady id its events then carry."),
        Column("is_minted", "boolean", "Whether a person id was ever minted for it."),
        Column("first_seen_at", "timestamp", "First event that carried it."),
        Column("last_seen_at", "timestamp", "Last event that carried it."),
        Column("batch_id", "bigint", "The batch that wrote it; the newest row stands."),
    ),
    "The label of every identifier; the newest row of an identifier stands.",
    log=True,
    erased_by="keys",
)

IDENTITY = Table(
    "identity",
    "identifier",
    ("identifier_key",),
    (
        Column("identifier_key", "string", "The identifier.", nullable=False),
        Column("identifier_type", "string", "Its type (email_sha256 counts as email)."),
        Column(
            "person_id",
            "string",
            "Its person, and for a neutral device the owner before it became shared.",
        ),
        Column("household_id", "string", "Its household, where one is configured."),
        Column("first_seen_at", "timestamp", "First event that carried it."),
        Column("last_seen_at", "timestamp", "Last event that carried it."),
        Column(
            "state", "string", "linked, hub, neutral or blocked.", nullable=False, allowed=STATES
        ),
        Column("neutral_from_at", "timestamp", "From when a shared device belongs to nobody."),
        Column("neutral_person_id", "string", "The steady id its anonymous events then carry."),
    ),
    "Who each identifier belongs to.",
    erased_by="publication",
)

IDENTITY_HEALTH = Table(
    "identity_health",
    "type of identifier",
    ("identifier_type",),
    (
        Column("identifier_type", "string", "The type; all: every type together.", nullable=False),
        Column("linked_count", "bigint", "Identifiers that are somebody's.", at_least=0),
        Column("hub_count", "bigint", "Those of too many, which link nobody.", at_least=0),
        Column("neutral_count", "bigint", "Devices that are nobody's since some time.", at_least=0),
        Column("blocked_count", "bigint", "Values that stand for nobody.", at_least=0),
        Column("persons_count", "bigint", "Persons who have any of it.", at_least=0),
        Column(
            "most_of_one_person_count", "bigint", "How many of it one person has at most.",
            at_least=0,
        ),
        Column(
            "together_count",
            "bigint",
            "How many of it hang together at most before anything was cut: a batch that touches "
            "one of these looks at all of them.",
            at_least=0,
        ),
        Column(
            "merges_1d_count",
            "bigint",
            "Of the row of all: how often a person became part of another in the last 24 hours.",
            at_least=0, clock=True,
        ),
        Column(
            "splits_1d_count",
            "bigint",
            "Of the row of all: how often a person came apart in the last 24 hours.",
            at_least=0, clock=True,
        ),
        Column(
            "hub_of_one_count",
            "bigint",
            "Of the hubs: those of one customer, who would have more than `max_identifiers`.",
            at_least=0, clock=True, is_later=True,
        ),
        Column(
            "neutral_over_count",
            "bigint",
            "Of the neutral: those that nobody shares, but whose link to their customer has ended "
            "(`window`).",
            at_least=0, clock=True, is_later=True,
        ),
    ),
    "How identifiers make persons, and how many changed: what links too much shows here.",
    erased_by="publication",
)  # fmt: skip

MANUAL_LINKS = Table(
    "manual_links",
    "word of somebody of the business on two identifiers",
    ("event_id",),
    (
        Column("event_id", "string", "The event that says it, of profiles.", nullable=False),
        Column("identifier_key", "string", "The one, of the higher priority."),
        Column("other_key", "string", "The other."),
        Column(
            "kind",
            "string",
            "always_link: one customer; never_link: never one; link_withdrawn: nothing is said of them any more.",
            nullable=False,
            allowed=MANUAL_LINK_TYPES,
        ),
        Column("author", "string", "Who says so."),
        Column("reason", "string", "Why.", protected=True),
        Column("said_at", "timestamp", "When it was said, UTC.", nullable=False),
        Column(
            "is_standing",
            "boolean",
            "Whether it holds: the newest word on the two, and no withdrawal.",
            nullable=False,
        ),
    ),
    "What persons of the business said of who is one customer, against all data, and what of it holds.",
    erased_by="publication",
)

HUBS = Table(
    "hubs",
    "identifier that is a hub",
    ("identifier_key",),
    (
        Column("identifier_key", "string", "The hub.", nullable=False),
        Column("identifier_type", "string", "Its type."),
        Column(
            "seen_with_count", "bigint", "How many other identifiers it was ever seen with.",
            nullable=False, at_least=0,
        ),
        Column("first_seen_at", "timestamp", "First event that carried it."),
        Column("last_seen_at", "timestamp", "Last event that carried it."),
    ),
    "Identifiers of too many, which link nobody, and of how many: the largest belong among the blocked values.",
    erased_by="publication",
)  # fmt: skip

IDENTITY_CHANGES = Table(
    "identity_changes",
    "change of a person",
    (),
    (
        Column(
            "changed_at", "timestamp", "Decision clock of the batch that changed it.", clock=True
        ),
        Column("kind", "string", "merge, split or forget.", allowed=("merge", "split", "forget")),
        Column("from_person_id", "string", "The person before."),
        Column("to_person_id", "string", "The person after."),
        Column("cause_event_id", "string", "The event that caused it, as stream:event_id."),
        Column(
            "rule",
            "string",
            "linked or kept_apart; where a word of the business did it, always_link, never_link or link_withdrawn.",
        ),
        Column("batch_id", "bigint", "The batch that saw it."),
    ),
    "Persons that became one, or came apart, and why.",
    erased_by="persons",
)
