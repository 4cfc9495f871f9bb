"""Affected: whose decisions a batch may change, with events of their own or without."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.jobs.evidence import contacts, orders
from tactful.jobs.runs.batches import Batch
from tactful.jobs.stitch import Stitched
from tactful.schemas.suppressions import DUE
from tactful.transforms.identity.links import semi_join
from tactful.transforms.identity.owners import with_owner

# What says whose an event is.
OWNER_COLUMNS = ("anchor_key", "identifier_keys", "occurred_at")


@dataclass(frozen=True)
class ReactivatedPersons:
    """Whom the batch bears on without an event of their own, by their identifiers.

    same_orders: what names an order that the batch names, too. closed: what opened contacts that
    the batch closes. heard: what became before of messages of which the batch tells more. due:
    persons for whom something ends. with_hubs: what was seen with hubs that the batch's opt-outs
    name. anew: whom a changed rule may concern.
    """

    same_orders: DataFrame | None
    closed: DataFrame | None
    heard: DataFrame | None
    due: DataFrame | None
    with_hubs: DataFrame | None
    anew: DataFrame | None

    @property
    def identifiers(self) -> DataFrame | None:
        keys = [keys_of(events).distinct() for events in self.related]
        keys += [more for more in (self.due, self.with_hubs, self.anew) if more is not None]
        return reduce(DataFrame.union, keys) if keys else None

    @property
    def related(self) -> list[DataFrame]:
        """Earlier events to which something in the batch belongs."""
        known = (self.same_orders, self.closed, self.heard)
        return [events for events in known if events is not None]


def reactivated_persons(
    batch: Batch,
    fresh: DataFrame,
    relevant_events: DataFrame,
    heard: DataFrame | None,
    with_hubs: DataFrame | None,
    anew: DataFrame | None,
    planned: DataFrame | None,
    *,
    classes: Collection[str],
    order_rows: int,
    contact_rows: int,
) -> ReactivatedPersons:
    """Find out whom the batch bears on without an event of their own.

    heard: what became before of the batch's messages. with_hubs: see `Named.with_hubs`. anew: see
    `identifiers_anew`. planned: see `concerned`.
    classes: of the events that a decision bears on. order_rows: rows that name
    an order, about.
    contact_rows: rows that name a contact.
    """
    same = closed = due = None
    if order_rows:
        named = orders.of_the_same_orders(fresh, relevant_events, classes=classes, count=order_rows)
        same = batch.keep(named.select(*OWNER_COLUMNS))
    if contact_rows:
        opened = contacts.of_the_same_contacts(fresh, relevant_events, count=contact_rows)
        closed = batch.keep(opened.select(*OWNER_COLUMNS))
    if batch.previous_as_of is not None and batch.previous_as_of < batch.as_of:
        since, now = F.lit(batch.previous_as_of), F.lit(batch.as_of)
        ended = batch.read(DUE).where((F.col("due_at") > since) & (F.col("due_at") <= now))
        due = batch.keep(ended.select(F.col("anchor_key").alias("identifier_key")).distinct())
    if planned is not None:
        due = batch.keep(planned if due is None else due.union(planned).distinct())
    everybody = None if anew is None else anew.select("identifier_key")
    return ReactivatedPersons(same, closed, heard, due, with_hubs, everybody)


def find_affected(
    batch: Batch,
    fresh: DataFrame,
    reactivated: ReactivatedPersons,
    stitched: Stitched,
    closings: DataFrame | None,
    *,
    is_read: Column,
) -> DataFrame:
    """The persons whose decisions this batch may change.

    Those with new events that a decision bears on, those who own something else now, those of
    whose orders or contacts an event speaks that does not know them, those who have a part in a
    message of which more is known, those whom an opt-out may be about that names nobody's
    identifiers, and those for whom something falls due, and those whom a changed rule may concern.

    closings: person_id of those whom such opt-outs may be about. is_read: whether a
    decision bears on an event.
    """
    labels = stitched.affected
    events = fresh.where(is_read).select(*OWNER_COLUMNS)
    for more in reactivated.related:
        events = events.union(more.select(*OWNER_COLUMNS))
    owned = with_owner(events.distinct(), labels, hubs=stitched.has_hubs)
    persons = owned.select("person_id").union(stitched.persons)
    if closings is not None:
        persons = persons.union(closings)
    for more in (reactivated.due, reactivated.anew):
        if more is not None:
            looked_at = semi_join(labels, more, count=stitched.size)
            persons = persons.union(looked_at.select("person_id"))
    return batch.keep(persons.where(F.col("person_id").isNotNull()).distinct())


def keys_of(events: DataFrame) -> DataFrame:
    """Every identifier that some events carry: identifier_key."""
    return events.select(F.explode("identifier_keys").alias("identifier_key"))
