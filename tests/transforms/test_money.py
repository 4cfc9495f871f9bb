"""Money: the rate of an amount is the newest of its currency that is no newer than itself."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from tactful.schemas.reference import RATES
from tactful.transforms.money import in_business_currency
from tests.timelines import DAY, MICROSECOND, START

JUNE_3, JUNE_9 = date(2026, 6, 3), date(2026, 6, 9)


def test_the_newest_rate_of_the_day_or_before_counts(spark) -> None:
    rates = [
        (JUNE_3, "EUR", Decimal("1.1"), {}),
        (JUNE_9, "EUR", Decimal("1.2"), {}),
        (date(2099, 1, 1), "EUR", Decimal(9), {}),
        (JUNE_3, "JPY", Decimal("0.00612345"), {}),
        (JUNE_3, "USD", Decimal(2), {}),
    ]
    asked = [
        ("EUR", timedelta(0), None),
        ("EUR", 2 * DAY - MICROSECOND, None),
        ("EUR", 2 * DAY, Decimal("1.1")),
        ("EUR", 8 * DAY - MICROSECOND, Decimal("1.1")),
        ("EUR", 8 * DAY, Decimal("1.2")),
        ("EUR", 900 * DAY, Decimal("1.2")),
        ("JPY", 3 * DAY, Decimal("0.00612345")),
        ("USD", 3 * DAY, Decimal(1)),
        ("USD", timedelta(0), Decimal(1)),
        (None, 3 * DAY, Decimal(1)),
        ("GBP", 3 * DAY, None),
    ]
    rows = [(n, code, START + after) for n, (code, after, _) in enumerate(asked)]
    amounts = spark.createDataFrame(rows, "n int, currency string, occurred_at timestamp")
    known = spark.createDataFrame(rates, RATES.ddl())
    told = in_business_currency(amounts, known, currency="USD")
    assert told.columns == ["n", "currency", "occurred_at", "rate"]
    assert told.schema["rate"].dataType.simpleString() == "decimal(18,8)"
    found = {row.n: row.rate for row in told.collect()}
    assert found == {n: rate for n, (_, _, rate) in enumerate(asked)}
    none = in_business_currency(amounts, known.limit(0), currency="EUR").collect()
    own = {n for n, (code, _, _) in enumerate(asked) if code in ("EUR", None)}
    assert {row.n for row in none if row.rate == 1} == own
    assert len(none) == len(asked)
