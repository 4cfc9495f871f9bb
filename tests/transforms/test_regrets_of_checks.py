"""Regrets of checks: what did not fit when and where it was sent, as was known by then."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tactful.schemas.reference import CAMPAIGNS, CONTENTS, CONTEXT
from tactful.transforms.checks import Around, spoken_against
from tactful.transforms.checks.out_of_context import OutOfContext
from tactful.transforms.regrets import marketing_messages
from tactful.transforms.regrets_of_checks import REGRET, regrets_of_checks
from tactful.transforms.rules.rule import Policy
from tests.timelines import DAY, HOUR, START, Told, event, offers, products, timeline

# Early in June: summer in Ohio, winter in Sydney.
PRODUCTS = [{"sku": "sandals", "seasons": ["summer"]}, {"sku": "jeans"}]
SANDALS = [{"content_id": "sandals", "skus": ["sandals"]}]
# Of the days in New York on which something is sent: in UTC it is the next one.
WEATHER = [
    {"region": "US", "day": (START + n * DAY).date(), "rain": rain}
    for n, rain in ((4, 2.0), (3, 0.0))
]


def seen(person: str | None, at: timedelta, country: str | None, **told: Any) -> Told:
    return event(person, "page_view", at, event_class="browse", country=country, **told)


def sent(person: str | None, name: str, at: timedelta = 5 * DAY, **told: Any) -> Told:
    known = {"message_id": name, "channel": "email", "cost": Decimal("0.5"), "event_id": name}
    return event(person, "sent", at, event_class="message", **known | told)


TOLD = [
    seen("p_ann", DAY, "US", event_id="ohio", time_zone="America/New_York"),
    sent("p_ann", "fits", content_id="sandals"),
    seen("p_bea", DAY, "AU", event_id="sydney"),
    sent("p_bea", "in winter", content_id="sandals"), sent("p_bea", "jeans", skus=["jeans"]),
    sent("p_bea", "of two", skus=["jeans", "sandals"]),
    sent("p_bea", "a receipt", purpose="transactional", skus=["sandals"]),
    # She has moved: what is known by then counts, at the very moment, too; no country says nothing.
    seen("p_cy", DAY, "US", event_id="home"), seen("p_cy", 5 * DAY, "AU", event_id="away"),
    seen("p_cy", 5 * DAY + HOUR, "Atlantis"), seen("p_cy", 9 * DAY, "US"),
    sent("p_cy", "before", 4 * DAY, content_id="sandals"),
    sent("p_cy", "arrived", content_id="sandals"),
    sent("p_cy", "still away", 6 * DAY, content_id="sandals"),
    sent("p_cy", "back", 9 * DAY, content_id="sandals"),
    # In doubt nothing is said.
    sent("p_dan", "nowhere", content_id="sandals"), seen("p_dan", 6 * DAY, "US"),
    sent("n_device", "nobody", content_id="sandals"),
    sent("p_ann", "in the rain", channel="sms", skus=["jeans"]),
    sent("p_ann", "in the sun", 4 * DAY, channel="sms", skus=["jeans"]),
]  # fmt: skip
POLICIES = [
    Policy("season", "out_of_context", OutOfContext()),
    Policy("dry", "out_of_context", OutOfContext(seasons=False, rain=False, channels=("sms",))),
    Policy("ours", "out_of_context", OutOfContext(hours="3-4", policies=("cart",))),
]


@pytest.fixture(scope="module")
def regretted(spark) -> dict[tuple[str, str], list[str]]:
    rows = timeline(spark, TOLD).localCheckpoint()
    goods = products(spark, PRODUCTS)
    weather = spark.createDataFrame(
        [tuple(row.get(name) for name in CONTEXT.names) for row in WEATHER], CONTEXT.ddl()
    )
    messages = marketing_messages(
        rows, goods, offers(spark, CONTENTS, SANDALS), offers(spark, CAMPAIGNS)
    )
    found = regrets_of_checks(
        messages, rows, Around(goods, weather), policies=POLICIES, time_zone="UTC"
    )
    assert found.columns == [*REGRET, "evidence"]
    told = found.collect()
    assert len({(r.message_id, r.policy) for r in told}) == len(told)
    assert {r.cost for r in told} == {Decimal("0.5")}
    return {(r.message_id, r.policy): r.evidence for r in told}


def test_sandals_are_regretted_where_it_was_winter(regretted):
    """With what told where she was; who is nobody, a receipt and what fits are none."""
    assert {name: told for (name, policy), told in regretted.items() if policy == "season"} == {
        "in winter": ["clicks:sydney"], "of two": ["clicks:sydney"],
        "arrived": ["clicks:away"], "still away": ["clicks:away"], "nowhere": [],
    }  # fmt: skip


def test_the_weather_of_that_day_and_the_channels_of_the_check_count(regretted):
    assert {name for name, policy in regretted if policy == "dry"} == {"in the rain"}


def test_what_is_asked_of_our_own_policies_alone_regrets_nothing(regretted):
    assert not [name for name, policy in regretted if policy == "ours"]
    assert spoken_against(None, None, policies=[]) is None
