"""Every table of a lake, by its id."""

from __future__ import annotations

from tactful.schemas.assignments import ASSIGNMENTS
from tactful.schemas.audience_members import AUDIENCE_MEMBERS
from tactful.schemas.customers import CUSTOMER_SCORES, CUSTOMERS
from tactful.schemas.customers_daily import CUSTOMERS_DAILY
from tactful.schemas.decisions import DECISIONS
from tactful.schemas.events import STREAMS
from tactful.schemas.identity import (
    HUBS,
    IDENTIFIERS,
    IDENTITY,
    IDENTITY_CHANGES,
    IDENTITY_HEALTH,
    LABELS,
    LINKS,
    MANUAL_LINKS,
)
from tactful.schemas.intake import (
    BATCHES,
    FILES,
    LANDED_RANGES,
    QUARANTINE,
    RECEIVED,
    TICKS,
    WAITING,
)
from tactful.schemas.known_shares import KNOWN_SHARES
from tactful.schemas.models import MODELS
from tactful.schemas.outcomes import OUTCOMES
from tactful.schemas.plans import ACTIVATIONS, PLANS
from tactful.schemas.quality import QUALITY
from tactful.schemas.records import (
    DELIVERIES,
    DELIVERY_ROWS,
    DELIVERY_STATES,
    DROPPED,
    LEFT_OUT,
    MEMBERSHIPS,
    RECORDS,
)
from tactful.schemas.reference import CAMPAIGNS, CONTENTS, CONTEXT, PRODUCTS, RATES
from tactful.schemas.suppressions import DUE, PRESSURE, REGRETS, SUPPRESSIONS
from tactful.schemas.table import Table
from tactful.schemas.timeline import MESSAGE_KEYS, TIMELINE, TIMELINE_LOG

LOGS = (
    RECEIVED, FILES, LANDED_RANGES, TICKS, WAITING, LINKS, LABELS, TIMELINE_LOG, MESSAGE_KEYS, DUE, MEMBERSHIPS, DROPPED,
    PLANS, MODELS,
)  # fmt: skip
APPENDED = (
    *STREAMS.values(), QUARANTINE, IDENTIFIERS, IDENTITY_CHANGES, DECISIONS, ASSIGNMENTS, RECORDS,
    DELIVERIES, DELIVERY_STATES, DELIVERY_ROWS, BATCHES, CUSTOMERS_DAILY, QUALITY,
)  # fmt: skip
PUBLISHED = (
    IDENTITY, IDENTITY_HEALTH, HUBS, MANUAL_LINKS, TIMELINE, OUTCOMES, CUSTOMERS, CUSTOMER_SCORES,
    KNOWN_SHARES, PRESSURE, SUPPRESSIONS, REGRETS, LEFT_OUT, ACTIVATIONS,
    AUDIENCE_MEMBERS,
)  # fmt: skip
REFERENCE = (PRODUCTS, CAMPAIGNS, CONTENTS, RATES, CONTEXT)

TABLES: dict[str, Table] = {table.id: table for table in (*LOGS, *APPENDED, *PUBLISHED, *REFERENCE)}
