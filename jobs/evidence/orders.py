"""Orders: what a batch must look up to settle the purchases of the persons it touches."""

from __future__ import annotations

from collections.abc import Collection

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.jobs.runs.batches import Batch
from tactful.jobs.settings.config import Config, Suppress
from tactful.schemas.events import ORDER
from tactful.schemas.timeline import TIMELINE_LOG
from tactful.transforms.identity.links import semi_join
from tactful.transforms.settled import settled_lines

ORDER_CLASSES = ("order", "reversal", "fulfilment")
ROW = ("stream", "event_id", "line_number")


def is_of_order() -> Column:
    """Whether an event places an order, sends it on its way or takes something back."""
    return F.col("event_class").isin(*ORDER_CLASSES)


def of_the_same_orders(
    fresh: DataFrame, relevant_events: DataFrame, *, classes: Collection[str], count: int
) -> DataFrame:
    """Everything that became of the orders that this batch names by their numbers.

    Whose it is may be others than who sends now: an order was taken back by a warehouse, turns
    out to have been placed by somebody else before, or is placed whose returns came first.

    classes: of the events that a decision bears on. count: how many rows of the batch name an
    order, about.
    """
    named = fresh.where(is_of_order() & F.col("event_class").isin(*classes)).select("order_id")
    return semi_join(relevant_events.where(is_of_order()), named, count=count)


def with_others(
    batch: Batch, fresh: DataFrame, own: DataFrame, *, classes: Collection[str], count: int
) -> DataFrame:
    """Some persons' events with what others tell of their orders, by their numbers.

    Adds: rows with no person. Of placings that name others it is only asked which is the first,
    however long ago, so only that is read of them. One that names nobody may be the first of an
    order that is theirs.

    classes: of the events that a decision bears on.
    """
    named = own.where(is_of_order()).select("order_id")
    known = own.where(is_of_order()).select(*ROW)
    events = batch.read(TIMELINE_LOG).unionByName(fresh)
    slim = ("event_class", "type", "order_id", "line_number", "anchor_key", *ORDER)
    # Two reads: of files in which every order names somebody the second reads only the footer.
    by_others = events.where("event_class = 'order' AND anchor_key IS NOT NULL").select(*slim)
    by_nobody = events.where("event_class = 'order' AND anchor_key IS NULL")
    placed = semi_join(by_others, named, count=count)
    after = [name for name in ORDER_CLASSES[1:] if name in classes]
    later = events.where(F.col("event_class").isin(*after))
    back = semi_join(later.unionByName(by_nobody), named, count=count)
    others = back.unionByName(placed, allowMissingColumns=True)
    return own.unionByName(others.join(known, [*ROW], "left_anti"), allowMissingColumns=True)


def bought(facts: DataFrame, rules: tuple[Suppress, ...], config: Config) -> DataFrame | None:
    """What was bought and what of it was taken back; None where no rule asks.

    facts: rows that the batch holds.
    """
    if not any(rule.kind.needs_lines for rule in rules):
        return None
    return settled_of(facts, config)


def settled_of(facts: DataFrame, config: Config) -> DataFrame:
    """The same where somebody asks."""
    has_reversals = not facts.where("event_class = 'reversal'").isEmpty()
    return settled_lines(facts, currency=config.business.currency, has_reversals=has_reversals)
