"""The demo's data: what it holds, that a seed repeats it, and what its figures must come to."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd
import phonenumbers
import pytest

from tactful.jobs.demo import clothing, spoken
from tactful.jobs.demo.journey import Journey, household_name
from tactful.jobs.demo.people import BOT_COOKIE, TILL_EMAIL
from tactful.jobs.demo.truth import Figures, figures, mailing_truth
from tactful.jobs.demo.world import FILES, FROM_DATE, STREAMS, UNTIL, generate, secret_of
from tactful.jobs.settings.config import load
from tests.oracle.config import load as oracle_load
from tests.oracle.intake import take_in

DEMO = Path(__file__).parents[3] / "conf" / "demo.toml"
SECRET = {"TACTFUL_DEMO_SECRET": "x" * 16}
FEW = 40
SEED = 11


@pytest.fixture(scope="module")
def world(spark, tmp_path_factory):
    """A small world: some forty households, and everything that is planted."""
    return generate(spark, folder=tmp_path_factory.mktemp("demo"), seed=SEED, households=FEW)


@pytest.fixture(scope="module")
def intake(world):
    """The oracle's reading of each feed's files."""
    config = oracle_load(DEMO)
    return {feed: take_in({feed: _files(world, feed)}, config) for feed in STREAMS}


@pytest.fixture(scope="module")
def journey():
    return Journey(FROM_DATE)


def _files(world, feed: str) -> list[Path]:
    return sorted((Path(world.folder) / "landing" / feed).glob("part-*.json"))


def _accepted(intake, feed: str) -> list[dict]:
    return [json.loads(row.raw) for row in intake[feed].accepted]


def _values(events: list[dict], kind: str) -> set[str]:
    return {i["value"] for event in events for i in event["identifiers"] if i["type"] == kind}


def test_every_line_is_accounted_for(world, intake):
    for feed, read in intake.items():
        assert len(_files(world, feed)) == FILES[feed]
        by_type = Counter(event["type"] for event in _accepted(intake, feed))
        assert by_type == world.events[feed]
        assert len(read.duplicates) == world.duplicates[feed]
        assert read.counts["id_reused"] == world.reused[feed]
        assert read.counts["read"] == world.rows(feed)
    assert sum(world.duplicates.values()) > 0


def test_malformed_rows_get_the_reasons_that_were_planned(world, intake):
    for feed, read in intake.items():
        found = Counter(
            ",".join(sorted(row.reasons))
            for row in read.quarantined
            if "id_reused" not in row.reasons
        )
        assert found == world.malformed[feed]
    assert world.malformed["web"]["oversized"] == 1


def test_one_seed_gives_the_same_files_however_spark_is_cut(spark, world, tmp_path):
    name = "spark.sql.shuffle.partitions"
    before = spark.conf.get(name)
    spark.conf.set(name, "5")
    try:
        again = generate(spark, folder=tmp_path, seed=SEED, households=FEW)
    finally:
        spark.conf.set(name, before)
    landing = Path(world.folder) / "landing"
    for file in sorted(landing.rglob("*.json")):
        assert (tmp_path / "landing" / file.relative_to(landing)).read_bytes() == file.read_bytes()
    assert again.figures == world.figures
    assert secret_of(SEED) != secret_of(SEED + 1)


def test_what_is_generated_says_so(intake):
    for feed in STREAMS:
        real = "complete_journey" if feed in ("baskets", "mailings") else "generated"
        assert {event["source"] for event in _accepted(intake, feed)} == {real}


def test_baskets_hold_what_the_data_holds(spark, intake):
    from tactful.jobs.demo.journey import data_file

    baskets = _accepted(intake, "baskets")
    households = [int(one[3:]) for one in _values(baskets, "loyalty_id")]
    lines = pd.read_parquet(data_file("transactions"))
    lines = lines[
        lines.household_id.isin(households)
        & (lines.transaction_timestamp >= pd.Timestamp(FROM_DATE))
    ]
    told = [line for basket in baskets for line in basket["lines"]]
    assert len(baskets) == lines.basket_id.nunique()
    assert len(told) == len(lines)
    assert round(sum(line["amount"] for line in told), 2) == round(lines.sales_value.sum(), 2)
    first = lines.sort_values(["transaction_timestamp", "basket_id"]).iloc[0]
    times = {event["order_id"]: event["occurred_at"] for event in baskets}
    expected = first.transaction_timestamp.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert times[f"b-{first.basket_id}"] == expected


def test_only_mailings_whose_offers_are_recorded_carry_products(intake):
    for mailing in _accepted(intake, "mailings"):
        assert ("skus" in mailing) == (mailing["properties"]["kind"] != "Type A")
        assert mailing["occurred_at"].endswith("T00:00:00.000Z")


def test_generated_orders_hold_nothing_that_a_mailing_offered(intake, journey):
    offered = {str(product) for product in journey.offered.product_id}
    orders = _accepted(intake, "shop")
    bought = {line["sku"] for order in orders for line in order.get("lines", [])}
    assert bought and not bought & offered


def test_the_clothes_shops_mails_name_a_content_and_nothing_it_offers(world, intake):
    """What is planted rests on what landed: a sale, or a question about an order."""
    told = pd.read_parquet(Path(world.folder) / "demo_truth/clothing")
    assert clothing.misfires(told) == world.clothing
    sent = {e["message_id"]: e for e in _accepted(intake, "esp") if e["type"] == "sent"}
    placed = {e["order_id"]: e for e in _accepted(intake, "shop") if e["type"] == "order_placed"}
    contents = (Path(world.folder) / "landing/contents/contents.json").read_text().splitlines()
    contents = {one["content_id"]: one for one in map(json.loads, contents)}
    for mail in told.itertuples():
        event = sent[mail.message_id]
        assert ("offers_discount" not in event and "topic" not in event) or mail.kind == "sale"
        if mail.kind == "boots":
            assert contents[event["content_id"]]["skus"] == ["BOOTS-RAIN"] and "skus" not in event
        elif mail.kind == "sale":
            assert contents[event["content_id"]]["skus"] == clothing.JEANS and "skus" not in event
        else:
            (line,) = placed[mail.message_id.removeprefix("ask-")]["lines"]
            assert event["skus"] == [line["sku"]]
            assert contents[event["content_id"]] == {
                "content_id": "review-ask",
                "topic": "review_request",
            }
    assert {kind for kind in told.kind} == {"sale", "ask", "boots"}
    # Everybody's account says once where they live; some live where it is summer in December.
    homes = {
        named["value"]: event["geo"]["country"]
        for event in _accepted(intake, "web") if event.get("geo")
        for named in event["identifiers"] if named["type"] == "customer_id"
    }  # fmt: skip
    assert {"US"} <= set(homes.values()) <= {"AU", "US"}
    for mail in told[(told.kind == "boots") & (told.sent_at.dt.month == 12)].itertuples():
        (number,) = [
            one["value"] for one in sent[mail.message_id]["identifiers"]
            if one["type"] == "customer_id"
        ]  # fmt: skip
        assert mail.is_regret == (homes[number] == "AU")


def test_boots_are_worn_from_autumn_to_spring_where_she_is():
    """A mail of August is one where she lives north, or nobody knew yet where; and so on."""
    day = pd.Timestamp
    boots = pd.DataFrame(
        [
            ("north", day("2017-08-24"), day("2017-08-02"), False),
            ("south", day("2017-08-24"), day("2017-08-02"), True),
            ("early", day("2017-08-24"), day("2017-09-02"), True),
            ("cold", day("2017-12-12"), day("2017-08-02"), False),
            ("warm", day("2017-12-12"), day("2017-08-02"), True),
        ],
        columns=["household", "sent_at", "told_at", "is_south"],
    )
    told = clothing.out_of_season(boots.assign(message_id="em-" + boots.household))
    assert set(told[told.is_regret].household) == {"north", "early", "warm"}


def test_a_mail_of_the_clothes_shop_is_a_regret_until_the_order_is_undone_or_there():
    """Cancelled, returned or arrived before the mail: no regret; another product: none either."""
    day = datetime(2017, 10, 1, 12)
    moments = {"order_placed": day, "order_delivered": day + timedelta(days=3)}
    fates = pd.DataFrame(
        [
            {"household": "kept", "order_id": "k", "sku": "JEANS-SLIM", **moments},
            {"household": "back", "order_id": "b", "sku": "JEANS-SLIM", **moments,
             "undone": day + timedelta(days=5)},
            {"household": "mat", "order_id": "m", "sku": "MAT-YOGA", "order_placed": day},
            {"household": "old", "order_id": "o", "sku": "JEANS-WIDE",
             "order_placed": day - timedelta(days=40)},
            {"household": "two", "order_id": "t", "sku": "MAT-YOGA", **moments},
            {"household": "two", "order_id": "w", "sku": "MAT-YOGA",
             "order_placed": day + timedelta(days=2)},
        ]
    )  # fmt: skip
    for name in ("order_placed", "order_delivered", "undone"):
        fates[name] = pd.to_datetime(fates[name])
    sale = pd.DataFrame(
        {
            "message_id": [f"s-{h}" for h in fates.household],
            "household": fates.household,
            "sent_at": day + timedelta(days=10),
        }
    )
    asks = pd.DataFrame(
        {
            "message_id": [f"ask-{o}" for o in fates.order_id],
            "household": fates.household,
            "sent_at": day + timedelta(days=9),
        }
    )
    told = clothing.judged(fates, sale, asks)
    # What has been on its way for 49 days counts as arrived; of two mats one has not come.
    assert set(told[told.is_regret].message_id) == {"s-kept", "ask-m", "ask-t", "ask-w"}
    assert clothing.misfires(told) == clothing.Misfires(6, 1, 6, 3, 0, 0)


def test_what_is_said_next_lies_behind_the_data(world, intake):
    """What a shop says begins with its policies; nobody of the households has a part in it."""
    began = min(one.starts_at for one in load(DEMO, environ=SECRET).activate)
    assert UNTIL < began < spoken.DECIDED_AT < spoken.TOLD_UNTIL
    late = [
        event for feed in STREAMS for event in _accepted(intake, feed)
        if event["occurred_at"] >= f"{UNTIL:%Y-%m-%dT%H:%M}"
    ]  # fmt: skip
    told = {event["campaign_id"] for event in late if event["type"] == "sent"}
    assert told == {spoken.CART, spoken.BELT, spoken.MUFFIN}
    assert told == {one.name for one in load(DEMO, environ=SECRET).activate}
    theirs = {value for person in spoken.persons() for value in spoken.known_by(person).values()}
    assert {one["value"] for event in late for one in event["identifiers"]} <= theirs
    assert max(event["occurred_at"] for event in late) < f"{spoken.TOLD_UNTIL:%Y-%m-%dT%H:%M}"
    assert world.spoken == spoken.planted()
    assert sum(person.answers for person in spoken.persons()) == world.spoken.answered


def test_phones_are_valid_but_for_those_mistyped_on_purpose(intake):
    events = [event for feed in ("crm", "esp", "care") for event in _accepted(intake, feed)]
    phones = _values(events, "phone") - {"415-555"}
    assert phones
    for phone in phones:
        assert phonenumbers.is_valid_number(phonenumbers.parse(phone, "US")), phone


def test_the_bot_and_the_tills_address_are_planted(intake):
    bot = [
        event
        for event in _accepted(intake, "web")
        if {"type": "anonymous_id", "value": BOT_COOKIE} in event["identifiers"]
    ]
    assert len(bot) >= 4_000
    assert TILL_EMAIL in _values(_accepted(intake, "crm"), "email")


def test_the_truth_knows_every_identifier(world, intake):
    truth = pd.read_parquet(Path(world.folder) / "demo_truth/identifiers")
    known = set(zip(truth.identifier_type, truth.value, strict=True))
    emails = {sha: "email" for sha in truth.sha256.dropna()}
    junk = {"unknown", "null", "00000000-0000-0000-0000-000000000000", "415-555"}
    for feed in STREAMS:
        for event in _accepted(intake, feed):
            for one in event["identifiers"]:
                kind, value = one["type"], one["value"].strip()
                if value in junk:
                    continue
                if kind == "email":
                    value = value.lower()
                if kind == "phone":
                    parsed = phonenumbers.parse(value, "US")
                    value = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
                if kind == "email_sha256":
                    assert value in emails
                else:
                    assert (kind, value) in known
    owned = truth[truth.kind == "owned"]
    assert not owned.duplicated(["identifier_type", "value"]).any()


def test_the_reference_tables_are_whole(world):
    landing = Path(world.folder) / "landing"
    lines = (landing / "products/products.json").read_text().splitlines()
    products = [json.loads(line) for line in lines]
    assert (
        len(products)
        == world.products
        == 92_348 + len(clothing.PRODUCTS) + len([*spoken.product_rows()])
    )  # 17 were sold but are not described
    days = [one["replenish_days"] for one in products if "replenish_days" in one]
    assert len(days) == 9_273 and min(days) > 0
    campaigns = (landing / "campaigns/campaigns.json").read_text().splitlines()
    assert len(campaigns) == world.campaigns
    assert all(re.fullmatch(r".*Z", json.loads(one)["starts_at"]) for one in campaigns)


def test_the_figures_of_the_quarter(journey):
    """468 of 1,288: Type B and C mailings to households that had just bought what they offer."""
    everybody = pd.DataFrame({"household_id": journey.households})
    everybody["household"] = everybody.household_id.map(household_name)
    told = mailing_truth(journey, everybody)
    expected = Figures(mailings=1_288, bought_14d=468, own_rhythm=493, blunt_60d=1_286)
    assert figures(told) == expected


def test_redemptions_that_match_a_basket():
    _, whole_year = Journey(date(2017, 1, 1)).redeemed
    assert (whole_year.matched, whole_year.total) == (1_594, 2_102)
    assert whole_year.matched_landed == 1_594
    _, autumn = Journey(FROM_DATE).redeemed
    assert (autumn.matched_landed, autumn.total_landed) == (1_182, 1_517)


def test_no_rhythm_is_known_from_later_than_the_landed_time(journey):
    early = Journey(date(2017, 2, 1)).rhythm
    assert len(early) < len(journey.rhythm)
    assert early.max() <= 31


def test_the_configuration_is_right():
    config = load(DEMO, environ=SECRET)
    assert set(config.sources) == set(STREAMS)
    assert {name: source.stream for name, source in config.sources.items()} == STREAMS
