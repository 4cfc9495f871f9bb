"""What is known of a customer, on a few events with answers worked out by hand."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from pyspark.sql import functions as F

from tactful.schemas.reference import RATES
from tactful.schemas.time_zones import TIME_ZONES
from tactful.transforms.jurisdictions import jurisdictions
from tactful.transforms.outcomes import outcomes
from tactful.transforms.persons.customers import customers
from tactful.transforms.persons.purchases import bought_lines, orders_of
from tactful.transforms.persons.scores import ScoreRules, customer_scores
from tactful.transforms.settled import settled_lines
from tests.timelines import DAY, HOUR, START, event, products, timeline

PRODUCTS = (
    {
        "sku": "jeans",
        "category": "clothes",
        "brand": "Loop",
        "price": Decimal(60),
        "cost": Decimal(31),
    },
    {"sku": "shirt", "category": "clothes", "brand": "Bay", "price": Decimal(30)},
    {"sku": "coat", "category": "clothes", "brand": "Bay", "price": Decimal(130)},
    {"sku": "beans", "category": "food", "brand": "Bay", "price": Decimal(2), "cost": Decimal(3)},
)
CURRENCIES = ("USD", "EUR", "GBP", "CHF", "VND")
RULES = ScoreRules(
    recency_days=(1, 3, 9, 20),
    orders=(2, 3, 5, 9),
    revenue=[Decimal(n) for n in (10, 50, 100, 500)],
    new_for=5 * DAY,
    active_for=10 * DAY,
    lapsing_for=10 * DAY,
    history_from=None,
    valued_from=Decimal(100),
)


def placed(person, at, number, sku, amount, **told):
    line = {
        "sku": sku,
        "quantity": Decimal(1),
        "amount": Decimal(amount),
        "event_class": "order",
        **told,
    }
    return event(person, "order_placed", at, order_id=number, anchor_key=person, **line)


def answered(name, value, at, provenance=None, type_="attribute_set"):
    told = {"attribute": name, "value": value, "provenance": provenance}
    return event("p_ann", type_, at, event_class="profile", **told)


def events():
    ann = "p_ann"
    yield placed(ann, 0 * DAY, "o1", "jeans", 50, place="Store", store_id="s1", is_discounted=True)
    yield placed(ann, 4 * DAY, "o2", "beans", 2, currency="EUR", place="online")
    yield placed(ann, 4 * DAY + HOUR, "o3", "beans", 2, place="online")
    yield placed(ann, 8 * DAY, "o4", "beans", 2, currency="GBP", place="online")
    yield placed(ann, 14 * DAY, "o5", "shirt", 30, place="app")
    returned = {"order_id": "o5", "event_class": "reversal", "anchor_key": ann}
    yield event(
        ann,
        "order_returned",
        15 * DAY,
        sku="shirt",
        quantity=Decimal(1),
        amount=Decimal(30),
        **returned,
    )
    yield placed(ann, 15 * DAY, "o6", "coat", 99, place="app")
    yield event(
        ann, "order_cancelled", 16 * DAY, order_id="o6", event_class="reversal", anchor_key=ann
    )
    for n in range(6):
        sent = {"message_id": f"m{n}", "channel": "email", "event_class": "message"}
        yield event(ann, "sent", n * DAY, **sent)
        yield event(ann, "opened", n * DAY + 6 * HOUR, machine_open=n == 5, **sent)
    yield event(ann, "sent", DAY, message_id="s", channel="sms", event_class="message")
    yield answered("colour", "red", 3 * DAY, "third party")
    yield answered("colour", "blue", 1 * DAY, "Zero")
    yield answered("colour", "green", 2 * DAY)
    yield answered("birthday", "1990-02-03", DAY)
    granted = {"channel": None, "purpose": None, "event_class": "consent"}
    yield event(ann, "consent_granted", DAY, **granted)
    yield event(ann, "consent_withdrawn", 2 * DAY, **granted | {"channel": "email"})
    yield answered("time_zone", "Asia/Kolkata", DAY, type_="preference_set")
    yield event(ann, "page_view", DAY, event_class="browse", device_os="ios", time_zone="UTC")
    yield event(ann, "page_view", 2 * DAY, event_class="browse", device_os="android")
    yield event(ann, "contact_opened", DAY, contact_id="c1", event_class="service")
    for who in (None, "p_agent"):  # a survey knows the contact's number, a desk who works there
        yield event(
            who, "contact_closed", 2 * DAY, contact_id="c1", event_class="service", satisfaction=4
        )
    yield event(ann, "contact_opened", 3 * DAY, event_class="service")
    yield event(ann, "complained", 3 * DAY, channel="email", event_class="consent")
    yield event("p_bob", "page_view", DAY, event_class="browse", time_zone="Mars/Olympus")
    yield event("p_bob", "opened", DAY, message_id="b", machine_open=True, event_class="message")


def shoppers():
    """Customers of an odd purchase each, named by what is odd."""
    jeans = {"line_id": "1", "quantity": Decimal(1)}
    yield placed("p_none", DAY, "o10", "jeans", 50, quantity=Decimal(0))
    yield placed("p_untold", DAY, "o11", "jeans", 50)
    yield {**placed("p_untold", DAY, "o12", "jeans", 50), "amount": None}
    for number, (name, told) in enumerate(
        {
            "nearly": {"amount": Decimal("99.99")},
            "all": {"amount": Decimal(100)},
            "one": {"amount": Decimal(100), "quantity": Decimal(1)},
            "whole": {},
        }.items(),
        20,
    ):
        order = {"order_id": f"o{number}", "event_class": "reversal", "line_id": "1"}
        yield placed(f"p_{name}", DAY, f"o{number}", "jeans", 100, **jeans)
        yield event(f"p_{name}", "order_refunded", 2 * DAY, **order, **told)
    voucher = {"event_id": "voucher", "person_id": "p_voucher"}
    yield {**placed("p_voucher", DAY, "o30", "jeans", 50), **voucher}
    yield {**placed("p_voucher", DAY, "o30", None, -5), **voucher, "line_number": 1}
    yield placed("p_voucher", DAY, "o31", "jeans", -20, quantity=Decimal(-1))
    yield placed("p_between", DAY, "o40", "shirt", 30)
    yield placed("p_between", DAY, "o41", "coat", 130)
    yield placed("n_tablet", DAY, "o42", "coat", 130)
    # Five currencies, of which one is the business's and four have no rate.
    for number, currency in enumerate(CURRENCIES, 60):
        yield placed("p_travels", number * DAY, f"o{number}", "jeans", number, currency=currency)
    for name, born in (("p_old", "1800-01-01"), ("p_unborn", "2101-01-01"), ("p_one", "1980-2-3")):
        yield {**answered("birthday", born, DAY), "person_id": name}
    foreign = {"order_id": "o50", "event_class": "reversal", "line_id": "1", "currency": "EUR"}
    yield placed("p_foreign", DAY, "o50", "jeans", 100, **jeans)
    yield event("p_foreign", "order_returned", 2 * DAY, amount=Decimal(90), **foreign)


@pytest.fixture(scope="module")
def odd(spark):
    rows = timeline(spark, shoppers())
    lines = settled_lines(rows, currency="USD")
    rates = spark.createDataFrame([], RATES.ddl())
    bought = bought_lines(lines, products(spark, PRODUCTS), rates, currency="USD")
    of_messages = outcomes(rows, lines, window=DAY, half_life=DAY)
    known = customers(
        rows, of_messages, bought, orders_of(bought), jurisdictions(rows), time_zone="UTC"
    )
    return {row.person_id: row for row in known.collect()}


def test_margin_is_of_goods_that_are_kept_and_paid_for(odd):
    margins = {name.removeprefix("p_"): row.margin_total for name, row in odd.items()}
    assert margins["none"] == 50  # nothing was handed over
    assert margins["untold"] == 19
    assert (margins["nearly"], margins["all"]) == (Decimal("-30.99"), Decimal(-31))
    assert (margins["one"], margins["whole"]) == (0, 0)
    assert {odd[f"p_{name}"].returns_share for name in ("nearly", "all", "one", "whole")} == {0.0}
    foreign = odd["p_foreign"]
    assert (foreign.margin_total, foreign.revenue["USD"], foreign.returns_share) == (0, 0, 1.0)


def test_a_voucher_lowers_what_the_order_cost_and_is_nothing_bought(odd):
    row = odd["p_voucher"]
    assert (row.orders, row.revenue, row.margin_total) == (1, {"USD": Decimal(45)}, Decimal(14))
    assert row.product_intervals == {}


def test_each_currency_is_counted_apart_and_what_has_no_rate_is_said(odd):
    row = odd["p_travels"]
    assert row.revenue == {name: Decimal(n) for n, name in enumerate(CURRENCIES, 60)}
    assert (row.orders, row.unpriced_orders) == (5, 4)
    assert (row.revenue_total, row.average_order) == (Decimal(60), Decimal(60))


def test_a_birthday_of_another_age_is_kept_as_told_and_makes_no_generation(odd):
    for name, born in (("p_old", "1800-01-01"), ("p_unborn", "2101-01-01"), ("p_one", "1980-2-3")):
        assert odd[name].attributes["birthday"].value == born
        assert odd[name].generation is None


def test_a_customer_of_fifty_thousand_events_is_one_row_of_bounded_lists(spark):
    """Thirty orders and seventy pages a day, for 500 days, by a clock that jumps back once."""
    n = F.col("id")
    is_order = n % 10 < 3
    day = F.when(n == 49_999, F.lit(-9_000)).otherwise(n / 100)
    rows = spark.range(50_000).select(
        F.lit("p_busy").alias("person_id"),
        F.lit("p_busy").alias("anchor_key"),
        F.concat(F.lit("e"), n).alias("event_id"),
        F.when(is_order, "order_placed").otherwise("page_view").alias("type"),
        F.when(is_order, "purchases").otherwise("clicks").alias("stream"),
        F.when(is_order, "order").otherwise("browse").alias("event_class"),
        (F.lit(START) + F.make_interval(secs=F.floor(day) * 86_400 + n % 100)).alias("occurred_at"),
        F.lit(0).alias("line_number"),
        F.when(is_order, F.concat(F.lit("o"), n)).alias("order_id"),
        F.when(is_order, F.concat(F.lit("s"), n % 700)).alias("sku"),
        F.when(is_order, F.concat(F.lit("c"), n % 70)).alias("category"),
        F.when(is_order, F.lit(Decimal("0.01"))).alias("amount"),
        F.element_at(F.array(*map(F.lit, CURRENCIES)), (n / 10 % 5).cast("int") + 1).alias(
            "currency"
        ),
    )
    whole = timeline(spark, []).unionByName(rows, allowMissingColumns=True)
    lines = settled_lines(whole, currency="USD")
    rates = spark.createDataFrame([], RATES.ddl())
    bought = bought_lines(lines, products(spark, PRODUCTS), rates, currency="USD")
    of_messages = outcomes(whole, lines, window=DAY, half_life=DAY)
    known = customers(
        whole, of_messages, bought, orders_of(bought), jurisdictions(whole), time_zone="UTC"
    )
    (row,) = known.collect()
    assert (row.orders, row.unpriced_orders) == (15_000, 12_000)
    assert (sum(row.revenue.values()), row.revenue_total) == (Decimal(150), Decimal(30))
    assert (len(row.categories), len(row.category_intervals), len(row.product_intervals)) == (
        20, 21, 50,
    )  # fmt: skip
    # Of all that is bought on one day, the day counts once.
    assert {told.interval_days for told in row.category_intervals.values()} == {1.0}
    assert row.first_seen_at < row.first_order_at < row.last_order_at
    assert row.usual_purchase_hour == 0


def test_of_the_low_and_the_high_the_middle_is_told(odd):
    assert odd["p_between"].value_band == "middle"


def test_a_shared_device_is_no_customer(odd):
    assert "n_tablet" not in odd


@pytest.fixture(scope="module")
def found(spark):
    rows = timeline(spark, events())
    rates = spark.createDataFrame(
        [(date(2026, 6, 1), "EUR", Decimal("1.5"), None)], RATES.ddl()
    )  # fmt: skip
    lines = settled_lines(rows, currency="USD")
    bought = bought_lines(lines, products(spark, PRODUCTS), rates, currency="USD")
    orders = orders_of(bought)
    of_messages = outcomes(rows, lines, window=DAY, half_life=DAY)
    known = customers(
        rows, of_messages, bought, orders, jurisdictions(rows), time_zone="Europe/Berlin"
    )
    as_of = START + 16 * DAY
    scores = customer_scores(known, orders, rows, None, as_of=as_of, rules=RULES)
    return {
        row.person_id: {**row.asDict(recursive=True), **more.asDict(recursive=True)}
        for row, more in zip(
            known.orderBy("person_id").collect(), scores.orderBy("person_id").collect(), strict=True
        )
    }


def test_money_is_what_was_kept_in_the_business_s_currency(found):
    ann = found["p_ann"]
    assert (ann["orders"], ann["unpriced_orders"]) == (5, 1)
    assert ann["revenue"] == {"EUR": Decimal(2), "GBP": Decimal(2), "USD": Decimal(52)}
    # 50 + 2 × 1.5 + 2 + 0: what is in pounds has no rate, the shirt was given back.
    assert ann["revenue_total"] == Decimal(55)
    assert ann["average_order"] == Decimal("13.75")
    # Jeans 50 − 31, beans 3 − 3 and 2 − 3; of the shirt no cost is known.
    assert ann["margin_total"] == Decimal(18)
    assert (ann["sale_share"], ann["returns_share"]) == (0.2, 0.2)
    assert ann["last_order_at"].day == (START + 14 * DAY).day


def test_taste_is_what_most_orders_hold(found):
    ann = found["p_ann"]
    assert ann["categories"] == ["food", "clothes"]
    assert ann["brands"] == ["Bay", "Loop"]
    assert (ann["stores"], ann["places"]) == (["s1"], ["online", "app", "store"])
    # Jeans cost the middle of three, the shirt least: one line each, so the middle counts.
    assert ann["value_band"] == "middle"
    assert ann["switched_brand"] is True


def test_the_next_purchase_is_an_interval_behind_the_last(found):
    beans = found["p_ann"]["product_intervals"]["beans"]
    assert beans["days_count"] == 2  # two on one day are one
    assert (beans["interval_days"], beans["deviation_days"]) == (4.0, 0.0)
    assert beans["next_purchase_on"] == (START + 12 * DAY).date()
    assert beans["confidence"] == 0.3333
    clothes = found["p_ann"]["category_intervals"]["clothes"]
    assert (clothes["interval_days"], clothes["next_purchase_on"]) == (
        14.0,
        (START + 28 * DAY).date(),
    )


def test_what_a_machine_opens_is_no_answer(found):
    ann = found["p_ann"]
    assert (ann["sends"], ann["opens"]) == ({"email": 6, "sms": 1}, {"email": 5})
    assert ann["response_rates"] == {"email": 0.8333, "sms": 0.0}
    assert ann["preferred_channel"] == "email"
    # Six in the morning UTC is half past eleven in Kolkata.
    assert (ann["time_zone"], ann["usual_response_hour"]) == ("Asia/Kolkata", 11)
    assert ann["usual_purchase_hour"] == 5
    assert found["p_bob"]["opens_observable"] is False
    assert ann["opens_observable"] is True


def test_own_answers_beat_newer_ones_of_others(found):
    ann = found["p_ann"]
    said = {name: (told["value"], told["provenance"]) for name, told in ann["attributes"].items()}
    assert said["colour"] == ("blue", "zero")
    assert said["time_zone"] == ("Asia/Kolkata", "zero")
    assert ann["generation"] == "millennials"
    assert ann["consents"] == {"all:marketing": True, "email:marketing": False}
    assert ann["device_os"] == "android"
    assert found["p_bob"]["time_zone"] == "Europe/Berlin"  # Mars has no zone


def test_scores_say_where_a_customer_stands(found):
    ann, bob = found["p_ann"], found["p_bob"]
    assert (ann["service_contacts"], ann["satisfaction"]) == (2, 4.0)
    assert (ann["contacts_90d"], ann["open_contacts"]) == (2, 1)
    assert ann["bad_experiences_90d"] == 1
    assert (ann["lifecycle"], ann["recency_days"]) == ("active", 2)
    assert (ann["recency_score"], ann["frequency_score"], ann["money_score"]) == (4, 4, 3)
    assert (ann["revenue_365d"], ann["valued"]) == (Decimal(55), False)
    assert (bob["lifecycle"], bob["recency_score"], bob["money_score"]) == ("prospect", None, None)


def test_every_zone_is_one_that_python_knows():
    from zoneinfo import ZoneInfo

    for name in TIME_ZONES:
        assert datetime.now(ZoneInfo(name)).utcoffset() is not None
    assert timedelta(0) == datetime.now(ZoneInfo("UTC")).utcoffset()
