"""Conditions that can never be true are known by what they compare; in doubt they may be."""

from __future__ import annotations

import pytest

from tactful.transforms.conditions import parse


@pytest.mark.parametrize(
    "text",
    [
        "orders > 3 and orders < 2", "orders > 3 and valued and orders <= 3", "1 = 2", "false",
        "orders >= 3 and 2 >= orders", "orders between 5 and 3", "3 < orders and orders = 3",
        "orders in (1, 5) and orders between 2 and 4", "orders in (1, 2) and orders in (3, 4)",
        "attributes['city'] = 'Leeds' and attributes['city'] = 'York'", "valued and not valued",
        "attributes['city'] is null and attributes['city'] = 'Leeds'", "not true", "'a' > 'b'",
        "first_seen_at > '2026-01-02' and first_seen_at < '2026-01-01T00:00:00Z'", "true = false",
        "(1 = 2 or orders > 3) and orders < 3 and 1 = 2", "1 = 2 or 3 < 2", "valued and false",
        "(orders > 3 and valued) and (orders < 3 and 1 = 1)", "orders = 3 and orders != 3",
        "orders is null and orders is not null", "valued = true and valued = false", "2 <> 2",
    ],
)  # fmt: skip
def test_what_can_never_be_true_is_known(text: str) -> None:
    assert parse(text).is_never


@pytest.mark.parametrize(
    "text",
    [
        "orders > 3 and orders < 4", "orders > 3 or orders < 2", "orders >= 3 and orders <= 3",
        "not (orders > 3 and orders < 2)", "orders not between 5 and 3", "1 = 1", "not false",
        "orders = 3 and orders = 3.0", "orders > 3 and response_rates.email < 2", "valued",
        "orders not in (1) and orders = 2", "attributes['a'] = 'x' and attributes['b'] = 'y'",
        "average_order >= 9007199254740993 and average_order <= 9007199254740992",
        "orders > '5' and orders < 2", "attributes['n'] > 5 and attributes['n'] = '2'",
        "attributes['city'] is null and orders = 3", "first_seen_at > '2026-01-02'", "true",
        "average_order > 0.1 and average_order < 0.1000000000000001",
    ],
)  # fmt: skip
def test_in_doubt_it_may_be_true(text: str) -> None:
    assert not parse(text).is_never
