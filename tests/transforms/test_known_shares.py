"""Known shares: what is of persons, by system, stream and week, and what it was worth."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from pyspark.sql import DataFrame

from tactful.schemas.known_shares import KNOWN_SHARES
from tactful.schemas.reference import RATES
from tactful.transforms.known_shares import brought_up, known_shares
from tactful.transforms.settled import first_placed
from tests.timelines import DAY, MICROSECOND, event, timeline

# The timelines of tests begin on a Monday.
BEFORE, WEEK, NEXT = date(2026, 5, 25), date(2026, 6, 1), date(2026, 6, 8)
ANN, SHARED, NOBODY = "p_ann", "n_cookie", None


def line(person: str | None, at: timedelta, number: int, amount: str | None, **told):
    paid = None if amount is None else Decimal(amount)
    return event(person, "order_placed", at, line_number=number, amount=paid, **told)


def shares(spark, rows) -> DataFrame:
    rates = [
        (date(2026, 5, 1), "EUR", Decimal("1.5"), {}),
        (date(2026, 6, 9), "EUR", Decimal(9), {}),
    ]
    known = spark.createDataFrame(rates, RATES.ddl())
    told = timeline(spark, rows)
    return KNOWN_SHARES.conform(known_shares(told, first_placed(told), known, currency="USD"))


def told(rows: DataFrame) -> dict[tuple, tuple]:
    return {tuple(row)[:3]: tuple(row)[3:] for row in KNOWN_SHARES.conform(rows).collect()}


def test_what_is_known_and_what_it_was_worth(spark) -> None:
    euros = {"order_id": "o1", "currency": "EUR", "event_id": "e1"}
    pounds = {"order_id": "o2", "currency": "GBP", "event_id": "e2"}
    rows = [
        *(event(who, "page_view", DAY, source="pos") for who in (ANN, SHARED, NOBODY)),
        event(ANN, "page_view", -MICROSECOND, source="pos"),
        event(ANN, "page_view", 7 * DAY, source="pos"),
        event(NOBODY, "always_link", DAY, source="pos"),
        # The till knows nobody, and counts at its own place; whose it was, the shop says later.
        line(NOBODY, DAY, 0, "10", **euros),
        line(NOBODY, DAY, 1, "0.0001", **euros),
        # A voucher, which lowers what the others cost.
        line(NOBODY, DAY, 2, "-5", **euros),
        line(ANN, 9 * DAY, 0, "99", anchor_key="ann", source="shop", **euros | {"event_id": "e3"}),
        line(ANN, DAY, 0, "7", anchor_key="ann", **pounds),
        line(ANN, DAY, 1, "7", anchor_key="ann", **pounds),
        line(NOBODY, DAY, 0, "3", order_id="o4"),
        event(ANN, "order_returned", 2 * DAY, order_id="o1", source="shop"),
    ]
    found = shares(spark, rows)
    nothing = (Decimal(0), Decimal(0), 0)
    assert told(found) == {
        ("pos", "clicks", BEFORE): (1, 1, 1.0, *nothing),
        ("pos", "clicks", WEEK): (3, 1, 0.3333, *nothing),
        ("pos", "clicks", NEXT): (1, 1, 1.0, *nothing),
        ("", "purchases", WEEK): (3, 1, 0.3333, Decimal("10.5002"), Decimal("7.5002"), 1),
        ("shop", "purchases", WEEK): (1, 1, 1.0, *nothing),
        ("shop", "purchases", NEXT): (1, 1, 1.0, *nothing),
    }


def test_what_some_events_counted_for_is_taken_off_and_what_they_count_for_added(spark) -> None:
    """A cookie becomes a customer's, an order another's, and a late one makes a new week."""
    order = {"order_id": "o1", "event_id": "e1"}
    stays = [event(ANN, "page_view", DAY), line(NOBODY, DAY, 0, "5", order_id="o9")]
    before = [event(NOBODY, "page_view", DAY), line(ANN, 8 * DAY, 0, "9.99", **order)]
    now = [
        event(ANN, "page_view", DAY),
        line(NOBODY, 8 * DAY, 0, "9.99", **order),
        line(SHARED, 2 * DAY, 0, "3", currency="GBP", anchor_key="x", **order, source="till"),
    ]
    up = brought_up(*(shares(spark, rows) for rows in ([*stays, *before], before, now)))
    assert told(up) == told(shares(spark, [*stays, *now]))
    # What is no event any more leaves no week behind.
    gone = brought_up(shares(spark, before), shares(spark, before), shares(spark, stays))
    assert told(gone) == told(shares(spark, stays))
