"""What a trigger is: everything that code elsewhere may ask of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.timeline import TIMELINE_LOG
from tactful.transforms.rules.rule import Fault, Reads, in_words, no_reference, none_wrong

__all__ = ["Facts", "Fault", "Policy", "Reads", "Trigger", "event_told", "in_words"]

EVENT_REF = "struct<occurred_at:timestamp,stream:string,event_id:string>"
# What conditions may ask of the triggering event, as `event.NAME`.
EVENT_COLUMNS = (
    "type", "sku", "category", "order_id", "quantity", "amount", "currency", "channel",
    "campaign_id", "topic", "form", "attribute", "value", "place", "store_id", "device_os",
    "country", "region", "satisfaction", "contact_id",
)  # fmt: skip
EVENT = f"struct<{','.join(f'{name}:{TIMELINE_LOG.column(name).type}' for name in EVENT_COLUMNS)}>"
# The columns of proposals and their types, in order.
PROPOSALS: Mapping[str, str] = {
    "person_id": "string",
    "policy": "string",
    "cause": EVENT_REF,
    "step": "int",
    "proposed_at": "timestamp",
    "expires_at": "timestamp",
    "skus": "array<string>",
    "withdrawn_by": EVENT_REF,
    "evidence": "array<string>",
    "event": EVENT,
}


@dataclass(frozen=True)
class Policy:
    """One trigger as a business has configured it.

    waits: of each step, the first after what it counts from, each further one after the step
    before. expires: how long after it is proposed a step may still be said; None for ever.
    cancel_on: the types of events that withdraw what was not said yet. campaign_id: the campaign
    that it is part of. options: what was chosen of the trigger's own options.
    """

    name: str
    when: str
    waits: tuple[timedelta, ...]
    expires: timedelta | None
    cancel_on: tuple[str, ...]
    campaign_id: str | None
    options: Any

    @property
    def reach(self) -> timedelta | None:
        """How long after what it counts from it may still speak; None for ever."""
        return None if self.expires is None else sum(self.waits, self.expires)


@dataclass(frozen=True)
class Facts:
    """What triggers may read of the persons they speak to.

    timeline: rows with person_id, and what others tell of their orders and contacts. lines: see
    `settled_lines`; None where no trigger asks for them. persons: person_id, first_seen_at; None
    where no trigger asks. products, campaigns: the reference tables.
    """

    timeline: DataFrame
    lines: DataFrame | None
    persons: DataFrame | None
    products: DataFrame
    campaigns: DataFrame


@dataclass(frozen=True)
class Trigger:
    """One kind of occasion to speak, as `when` names it.

    `doc`         a sentence a marketer could read.
    `options`     a frozen dataclass of `option`s: what may be chosen of it beside what every
                  policy may say (`after`, `expires`, `cancel_on` …).
    `streams`     options → the streams whose events cause it; without a source of any of them it
                  is idle. None at all: the calendar causes it.
    `counts_from` what `after` counts from, in words.
    `after`       what `after` is where a policy is silent; None: it has to be given.
    `expires`     what `expires` is where a policy is silent; None: never.
    `cancel_on`   what `cancel_on` is where a policy is silent.
    `cancels`     every type of event that may stand in `cancel_on`.
    `reads`       Policy, `slowest` (a function that asks for the longest replenishment time of any
                  product, None without one) → how far back it reads events of each class.
    `proposals`   Facts, policies of this trigger → one row a person × policy × cause × step, with
                  the columns of `PROPOSALS`.
    `faults`      an entry as written, types unchecked → what is wrong between its options.
    `references`  options → reference tables without which it is idle, and why.
    `caused_in`   the reference table whose rows cause it: one that comes or changes concerns
                  everybody. None: events do, or the calendar.
    `topic`       the topic of its messages where a policy is silent.
    `purpose`     their purpose where a policy is silent.
    `needs_lines`    whether it reads what was bought and taken back.
    `needs_persons`  whether it reads who there is.
    `is_offer`       whether it offers something: what must not be offered may be asked about.
    `learns`      what it reads of `_log/models`, where it reads any of it.

    Proposals are a function of the events up to a moment T alone; no clock has a say in them:
    - `cause` names what happened: a policy, cause and step are proposed once, and to one person,
      whatever arrives in whatever order. Where one event is several occasions, its event_id is
      followed by a colon and which of them it is: of an order the product that falls due, of a
      campaign the identifier that its person is named after. A cause that is proposed no more (a
      cart that went on, an order that turns out to have been returned) is withdrawn by whoever
      planned it.
    - `proposed_at`: the earliest moment it may be said; it may lie after T.
    - `expires_at`: from this moment on it must not be said any more; null means never.
    - `skus`: what it is about, sorted; empty where it is about no product.
    - `withdrawn_by`: the first event that cancels it (`cancel_on`), at the cause or behind it, null
      without one. Every step not said by then is withdrawn; a step that was said before stays said.
    - `evidence`: the events that caused it as stream:event_id, the cause first.
    - `event`: what conditions may ask of the causing event (`EVENT_COLUMNS`); of what was bought
      that is the order, by the first of its lines that counts.
    How often one person may be asked again (`again_after`, `at_most`) counts decisions, so whoever
    plans looks after it. `where` and `content` ask what is known of the person when it is planned:
    `with_conditions` (`transforms/conditions.py`) adds is_wanted (null where that is unknown) and
    content_id.
    """

    when: str
    doc: str
    options: type
    streams: Callable[[Any], Sequence[str]]
    counts_from: str
    cancel_on: tuple[str, ...]
    cancels: tuple[str, ...]
    reads: Callable[..., Reads]
    proposals: Callable[[Facts, Sequence[Policy]], DataFrame]
    after: timedelta | None = None
    expires: timedelta | None = None
    faults: Callable[[Mapping[str, Any]], Iterable[Fault]] = none_wrong
    references: Callable[[Any], Mapping[str, str]] = no_reference
    caused_in: str | None = None
    topic: str | None = None
    purpose: str = "marketing"
    needs_lines: bool = False
    needs_persons: bool = False
    is_offer: bool = True
    learns: str | None = None


def event_told() -> Column:
    """What conditions may ask of an event of the timeline."""
    return F.struct(*EVENT_COLUMNS)
