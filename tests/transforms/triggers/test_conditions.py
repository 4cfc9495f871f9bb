"""Conditions: what they mean, and that what is not on the list is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from tactful.schemas.customers import CUSTOMERS
from tactful.transforms.conditions import Chosen, parse, with_conditions
from tactful.transforms.sources.expressions import NotAnExpression
from tactful.transforms.triggers import PROPOSALS
from tactful.transforms.triggers.trigger import EVENT_COLUMNS

REFUSED = {
    "orderz > 2": "did you mean orders",
    "orders": "where a comparison stands",
    "orders = valued": "compares a number with true or false",
    "valued > true": "true or false beside >",
    "first_order_at > 'yesterday'": "is not a moment",
    "first_order_at > brands": "list",
    "opens = 3": r"such as opens\['email'\]",
    "category_intervals['shoes'] > 3": "lacks which of days_count",
    "brands = 'Loop'": "contains",
    "contains(orders, 'x')": "takes a list",
    "lower(brands) = 'x'": "takes texts",
    "event.foo = 1": "no column of the causing event",
    "event.sku.x = 'a'": "it holds nothing",
    "orders in (1, 'x')": "several kinds",
    "orders between 1": "between without and",
    "orders > 1 or": "too early",
    "(orders > 1": "too early",
    "orders > 1)": "ends before",
    "orders is 3": "is without null",
    "orders not 3": "not where in or between",
    "orders > 99999999999999999999": "more than 18 signs",
    "orders > 1; DROP TABLE x": "cannot be read",
    "reflect('java.lang.System', 'exit') = 'x'": "the function reflect",
    "time('x', 'y') = 'z'": "the function time",
    "(SELECT true)": "ends|stands|no column",
    "not " * 30 + "valued": "deeper",
    "person_id = 'x'": "no column",
    "": "too early",
}
PERSON = {
    "orders": 3,
    "valued": True,
    "first_order_at": datetime(2026, 1, 1, tzinfo=UTC),
    "brands": ["Loop", "Acme"],
    "response_rates": {"email": 0.25},
    "attributes": {"city": ("Leeds", "zero", None), "age": ("41", "zero", None),
                   "odd": ("n/a", "zero", None)},
    "category_intervals": {"shoes": (3, 20.0, 1.0, date(2026, 2, 1), 0.5)},
    "value_band": None,
}  # fmt: skip
CASES = {
    "orders >= 3 and not (orders > 3)": True,
    "orders <> 3": False,
    "orders = 3 AND valued": True,
    "valued = false": False,
    "orders in (1, 3)": True,
    "orders not in (1, 3)": False,
    "orders between 1 and 2 or valued": True,
    "first_order_at < '2026-01-01T00:00:01Z'": True,
    "first_order_at >= '2026-01-01'": True,
    "contains(brands, 'Loop') and size(brands) = 2": True,
    "response_rates.email > 0.2": True,
    "response_rates['sms'] > 0.2": None,
    "response_rates['sms'] is null": True,
    "attributes['city'] = 'Leeds'": True,
    "lower(attributes.city.value) = 'leeds'": True,
    "attributes.age > 40": True,
    "attributes.odd > 40": None,
    "category_intervals['shoes'].next_purchase_on = '2026-02-01'": True,
    "value_band = 'low'": None,
    "event.sku = 'mat' and event.amount > 5": True,
    "event.category is not null": False,
    "left(event.sku, 1) = 'm' and left(event.sku, event.sku) is null": True,
    "split_part(event.sku, 'a', '0') is null": True,
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_on_the_list_is_refused(text):
    with pytest.raises(NotAnExpression, match=REFUSED[text]):
        parse(text)


def test_a_condition_says_which_columns_it_reads():
    assert parse("orders > 1 or event.sku = 'x' and not valued").columns == {"orders", "valued"}
    assert "it's" not in parse("value_band = 'it''s'").sql


def test_whom_it_is_for_and_what_is_said(spark):
    names = ("orders", "first_order_at", "brands", "response_rates", "attributes",
             "category_intervals", "value_band")  # fmt: skip
    shape = ", ".join(f"{name} {CUSTOMERS.column(name).type}" for name in names)
    customers = spark.createDataFrame(
        [["p_known", *(PERSON[name] for name in names), True]],
        f"person_id string, {shape}, valued boolean",
    )
    told = {text: Chosen(text, ()) for text in CASES}
    told |= {
        "all": Chosen(None, (((None, "a"),), (("orders > 5", "b"), ("orders > 2", "c")), ())),
        "none": Chosen("valued", ((("orders > 5", "b"),),)),
    }
    event = tuple({"sku": "mat", "amount": Decimal(10)}.get(name) for name in EVENT_COLUMNS)
    rows = [(who, policy, step) for who in ("p_known", "p_unknown") for policy in told
            for step in (1, 2, 3)]  # fmt: skip
    proposals = spark.createDataFrame(
        [[who, policy, step, event] for who, policy, step in rows],
        f"person_id string, policy string, step int, event {PROPOSALS['event']}",
    )
    found = {
        (row.person_id, row.policy, row.step): (row.is_wanted, row.content_id)
        for row in with_conditions(proposals, customers, chosen=told).collect()
    }
    assert {text: found["p_known", text, 1][0] for text in CASES} == CASES
    assert [found["p_known", "all", step] for step in (1, 2, 3)] == [
        (True, "a"), (True, "c"), (True, None),
    ]  # fmt: skip
    assert [found["p_unknown", "all", step] for step in (1, 2)] == [(True, "a"), (True, None)]
    assert found["p_known", "none", 1] == (True, None)
    assert found["p_unknown", "none", 1] == (None, None)
    assert found["p_unknown", "event.sku = 'mat' and event.amount > 5", 1][0] is True
