"""What must not be said: each rule in stories of few events, a row it gives and one it does not."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tactful.schemas.reference import CAMPAIGNS, CONTENTS
from tactful.transforms.experiences import bad_experiences
from tactful.transforms.regrets import marketing_messages
from tactful.transforms.rules import RULES
from tactful.transforms.rules.declared_preference import DeclaredPreference, declared_preference
from tactful.transforms.rules.fatigued import Fatigued, fatigued
from tactful.transforms.rules.price_regret import PriceRegret, price_regret
from tactful.transforms.rules.rule import Policy
from tactful.transforms.rules.unfulfilled import Unfulfilled, unfulfilled
from tactful.transforms.settled import settled_lines
from tests.decision_cases import CASES
from tests.timelines import DAY, START, Told, event, offers, products, timeline, utc

GATED = CASES["A159"]["input"]
PRODUCTS = [
    {"sku": "jeans", "price": Decimal(40), "category": "clothes", "complements": ["belt", "belt"]},
    {"sku": "mat"},
]


def buys(person: str, at: Any = DAY, sku: str | None = "jeans", **told: Any) -> Told:
    known = {"order_id": f"of {person}", "event_id": f"{person} buys", "line_id": "l0"}
    return event(person, "order_placed", at, sku=sku, **known | _exact(told))


def on(told: str) -> datetime:
    """The day that ends a text of a case."""
    return datetime.fromisoformat(told.split()[-1]).replace(tzinfo=UTC)


def later(whose: str, type_: str, at: Any, **told: Any) -> Told:
    """What a carrier or warehouse says of an order, who knows nobody."""
    return event(None, type_, at, **{"order_id": f"of {whose}"} | _exact(told))


def _exact(told: Told) -> Told:
    return told | {n: Decimal(told[n]) for n in ("amount", "quantity") if n in told}


TOLD = [
    # What it cost.
    buys("in full", amount=40), buys("below", amount=30), buys("at a discount", is_discounted=True),
    buys("given", amount=0), buys("unknown"), buys("abroad", amount=30, currency="CHF"),
    buys("no price", sku="mat", amount=1), buys("two", amount=79, quantity=2),
    buys("voucher", amount=40), buys("voucher", line_number=1, sku=None, amount=-5, line_id="l1"),
    buys("A159", on(GATED["purchase"]), sku=GATED["purchase"].split()[0]),
    buys("back", amount=40), later("back", "order_returned", 3 * DAY, event_id="comes back"),
    # How it got there.
    buys("parts"), buys("parts", line_number=1, line_id="l1", sku="mat"),
    later("parts", "order_delivered", 3 * DAY, line_id="l1", event_id="mat came"),
    later("parts", "order_delivered", 4 * DAY, line_id="l7"),
    later("parts", "order_delivered", 5 * DAY, event_id="rest came"),
    later("parts", "order_delivered", 6 * DAY),
    buys("early"), later("early", "order_delivered", DAY / 2, event_id="came before"),
    buys("by product"), later("by product", "order_delivered", 2 * DAY, sku="jeans"),
    buys("other product"), later("other product", "order_delivered", 2 * DAY, sku="mat"),
    buys("shipped"), later("shipped", "order_shipped", 3 * DAY),
    # Piece by piece: nothing, one of three, then the other two; each line its own quantity.
    buys("pieces", quantity=3),
    later("pieces", "order_delivered", 2 * DAY, line_id="l0", quantity=0),
    later("pieces", "order_delivered", 3 * DAY, line_id="l0", quantity=1),
    later("pieces", "order_delivered", 4 * DAY, line_id="l0", quantity=2, event_id="last two"),
    buys("one of two", quantity=2), later("one of two", "order_delivered", 3 * DAY, quantity=1),
    buys("rest given back", quantity=2),
    later("rest given back", "order_delivered", 3 * DAY, sku="jeans", quantity=1),
    later("rest given back", "order_returned", 5 * DAY, sku="jeans", quantity=1, event_id="rest"),
    buys("same twice"), buys("same twice", line_number=1, line_id="l1", quantity=2),
    later("same twice", "order_delivered", 3 * DAY, sku="jeans", quantity=2, event_id="two"),
    later("same twice", "order_delivered", 4 * DAY, sku="jeans", quantity=1, event_id="third"),
    buys("one cancelled"), buys("one cancelled", line_number=1, line_id="l1"),
    later("one cancelled", "order_cancelled", 2 * DAY, line_id="l0", event_id="not this"),
    later("one cancelled", "order_delivered", 3 * DAY, sku="jeans", quantity=1, event_id="this"),
    buys("at home", place="Store "), buys("no sku", sku=None),
    buys("cancels"), later("cancels", "order_cancelled", 2 * DAY, event_id="cancels"),
    buys("n_device"),
    # And who paid for it, when.
    buys("pays", amount=40), buys("pays", line_number=1, line_id="l1", sku="mat"),
    later("pays", "order_paid", 3 * DAY, line_id="l0", event_id="pays l0"),
    later("pays", "order_paid", 4 * DAY, event_id="pays all"),
    later("pays", "order_returned", 5 * DAY, line_id="l1", event_id="l1 back"),
    buys("pays late"), later("pays late", "order_paid", 9 * DAY),
    buys("pays before"), later("pays before", "order_paid", DAY / 2),
]  # fmt: skip
REGRET = [
    Policy("full", "price_regret", PriceRegret(lasts=10 * DAY)),
    Policy(
        "paid", "price_regret", PriceRegret(lasts=10 * DAY, at="order_paid", paid_within=7 * DAY)
    ),
    Policy("A159", "price_regret", PriceRegret(lasts=GATED["gate_days"] * DAY)),
    Policy("nearly", "price_regret", PriceRegret(lasts=DAY, full_from=0.7, match="category")),
]
WAITS = [
    Policy("waits", "unfulfilled", Unfulfilled(undelivered_after=9 * DAY, late_after=2 * DAY)),
    Policy(
        "lost",
        "unfulfilled",
        Unfulfilled(
            undelivered_after=9 * DAY, without_delivery="undelivered", late_after=2 * DAY,
            late_from="order_shipped", review_topics=("Review-Request", "feedback"),
            complement_topics=(),
        ),
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def held(spark) -> dict[tuple[str, str], set[Any]]:
    """Per person and policy: scope in words, from when until when, and what lifted it."""
    rows = timeline(spark, TOLD).localCheckpoint()
    lines, goods = settled_lines(rows, currency="USD").localCheckpoint(), products(spark, PRODUCTS)
    found = price_regret(rows, lines, goods, policies=REGRET, currency="USD")
    found = found.unionByName(unfulfilled(rows, lines, goods, policies=WAITS))
    told: dict[tuple[str, str], set[Any]] = {}
    for row in found.collect():
        scope = " & ".join(f"{part.kind} {','.join(part['values'])}".strip() for part in row.scope)
        ends = row.ends_at and (utc(row.ends_at) - START) / DAY
        line = (scope, (utc(row.starts_at) - START) / DAY, ends, row.lifted_by)
        told.setdefault((row.person_id, row.policy), set()).add(line)
    assert not {person for person, _ in told} & {None, "n_device"}
    return told


def test_full_price_is_what_nothing_speaks_against(held):
    names = ("in full", "unknown", "abroad", "no price", "back")
    assert {person for person, policy in held if policy == "full"} >= set(names)
    for person in ("below", "at a discount", "given", "two", "voucher"):
        assert (person, "full") not in held, person
    assert held["in full", "full"] == {("sku jeans & discount", 1, 11, None)}
    assert held["below", "nearly"] == {("category clothes & discount", 1, 2, None)}
    assert held["back", "full"] == {
        ("sku jeans & discount", 1, 3, "purchases:comes back"),
    }
    assert ("no price", "nearly") not in held  # and of no category that anybody knows


def test_a159_what_was_just_bought_is_not_offered_for_less(held):
    ((scope, starts, ends, lifted_by),) = held["A159", "A159"]
    offered = (on(GATED["offer"]) - START) / DAY
    assert scope == f"sku {GATED['offer'].split()[0]} & discount"
    assert starts < offered < ends and lifted_by is None
    assert CASES["A159"]["expected"]["decision"] == "suppress"


def test_what_is_bought_by_its_payment_is_bought_with_it(held):
    assert held["pays", "paid"] == {
        ("sku jeans & discount", 3, 13, None),
        ("sku mat & discount", 4, 5, "purchases:l1 back"),
    }
    assert held["pays before", "paid"] == {("sku jeans & discount", 1, 11, None)}
    assert {person for person, policy in held if policy == "paid"} == {"pays", "pays before"}


def test_each_line_waits_for_its_own_delivery(held):
    came, rest = "purchases:mat came", "purchases:rest came"
    assert held["parts", "waits"] == {
        ("sku jeans & topic review_request", 1, 5, rest),
        ("sku belt & topic complement", 1, 5, rest),
        ("sku mat & topic review_request", 1, 3, came),
        ("topic complement", 1, 3, came),
        ("purpose marketing", 3, 5, rest),
    }
    assert {end for _, _, end, _ in held["by product", "waits"]} == {2}
    assert {(start, end) for _, start, end, _ in held["early", "waits"]} == {(1, 1)}
    assert {lift for *_, lift in held["cancels", "waits"]} == {"purchases:cancels"}
    assert ("at home", "waits") not in held
    assert held["no sku", "waits"] == {
        ("topic review_request", 1, 10, None), ("topic complement", 1, 10, None),
        ("purpose marketing", 3, 10, None),
    }  # fmt: skip


def test_a_delivery_counts_as_what_it_delivers(held):
    def reviews(person: str) -> set[Any]:
        rows = held[person, "waits"]
        return {(end, lift) for scope, _, end, lift in rows if "review" in scope}

    assert reviews("pieces") == {(4, "purchases:last two")}
    assert reviews("one of two") == {(10, None)}
    assert reviews("rest given back") == {(5, "purchases:rest")}
    assert reviews("same twice") == {(3, "purchases:two"), (4, "purchases:third")}
    assert reviews("one cancelled") == {(2, "purchases:not this"), (3, "purchases:this")}


def test_what_silence_means_is_the_merchants_to_say(held):
    assert {(end, lift) for _, _, end, lift in held["other product", "waits"]} == {(10, None)}
    reviews = "sku jeans & topic feedback,review_request"
    assert held["other product", "lost"] == {
        (reviews, 1, None, None), ("purpose marketing", 10, None, None),
    }  # fmt: skip
    assert held["shipped", "lost"] == {
        (reviews, 1, None, None), ("purpose marketing", 5, None, None),
    }  # fmt: skip


# --- what somebody asked for ---------------------------------------------------------------------


def says(
    person: str | None, at: Any, value: str | None, name: str | None = "Fuel ", **told: Any
) -> Told:
    return event(
        person, told.pop("type_", "preference_set"), at, attribute=name, value=value, **told
    )


ANSWERS = [
    says("asks", DAY, " Electric", event_id="a"),
    says("asks", 2 * DAY, "diesel", provenance="Third party"),
    says("asks", 2 * DAY, "diesel", provenance="zero", type_="attribute_set"),
    says("asks", 4 * DAY, "diesel", name="body"),
    says("changes", DAY, "electric"),
    says("changes", 2 * DAY, ' ["hybrid", "Diesel", ""]', event_id="b"),
    says("takes back", DAY, "electric"), says("takes back", 2 * DAY, " ", event_id="c"),
    says("at once", DAY, "electric", event_id="d"), says("at once", DAY, "diesel", event_id="e"),
    says("of nothing", DAY, None), says("of no name", DAY, "x", name=" "),
    says("n_device", DAY, "x"),
]  # fmt: skip
ASKED = [
    Policy("asked", "declared_preference", DeclaredPreference()),
    Policy(
        "lately", "declared_preference", DeclaredPreference(attributes=("FUEL",), lasts=2 * DAY)
    ),
]


def test_the_newest_answer_of_ones_own_wins(spark):
    rows = declared_preference(timeline(spark, ANSWERS), policies=ASKED).collect()
    assert all(part.negated for row in rows for part in row.scope)
    told = {
        (row.person_id, row.policy, row.scope[0].kind, *row.scope[0]["values"]): (
            (utc(row.starts_at) - START) / DAY,
            row.ends_at and (utc(row.ends_at) - START) / DAY,
            row.lifted_by,
        )
        for row in rows
    }
    fuel, electric = "attribute:fuel", "electric"
    always = {
        ("asks", fuel, electric): (1, None, None),
        ("asks", "attribute:body", "diesel"): (4, None, None),
        ("changes", fuel, electric): (1, 2, "profiles:b"),
        ("changes", fuel, "diesel", "hybrid"): (2, None, None),
        ("takes back", fuel, electric): (1, 2, "profiles:c"),
        ("at once", fuel, electric): (1, 1, "profiles:e"),
        ("at once", fuel, "diesel"): (1, None, None),
    }
    assert {(k[0], *k[2:]): v for k, v in told.items() if k[1] == "asked"} == always
    lately = {(k[0], *k[2:]): v for k, v in told.items() if k[1] == "lately"}
    assert lately["asks", fuel, electric] == (1, 3, None)
    assert lately["takes back", fuel, electric] == (1, 2, "profiles:c")
    assert not [key for key in lately if key[1] == "attribute:body"]


# --- who answers nothing -------------------------------------------------------------------------


def mail(name: str, at: Any, *after: tuple[str, Any], **told: Any) -> list[Told]:
    """A message to the person of its name's first word, and what became of it."""
    known = {"message_id": name, "channel": "email", **told}
    events = [("sent", at), *after]
    return [
        event(name.split()[0], type_, when, event_id=f"{name} {type_}", **known)
        for type_, when in events
    ]


MAILS = [
    *(row for n in range(4) for row in mail(f"silent {n}", n * DAY)),
    *mail("reads 0", 0 * DAY), *mail("reads 1", DAY, ("opened", 4 * DAY)),
    *mail("reads 2", 2 * DAY),
    *mail("late 0", 0 * DAY), *mail("late 1", DAY, ("clicked", 4.1 * DAY)),
    *mail("late 2", 2 * DAY),
    *mail("fails 0", 0 * DAY), *mail("fails 1", DAY, ("failed", DAY)), *mail("fails 2", 2 * DAY),
    *mail("gone 0", 0 * DAY), *mail("gone 1", DAY, ("bounced", DAY)), *mail("gone 2", 2 * DAY),
    *mail("rarely 0", 0 * DAY), *mail("rarely 1", DAY), *mail("rarely 2", 5 * DAY),
    *mail("bills 0", 0 * DAY), *mail("bills 1", DAY, purpose="transactional"),
    *mail("bills 2", 2 * DAY, channel="sms"), *mail("bills 3", 3 * DAY),
]  # fmt: skip
TIRED = [
    Policy("tired", "fatigued", Fatigued(limit=2, window=5 * DAY, rest=9 * DAY)),
    Policy("soon", "fatigued", Fatigued(limit=3, window=5 * DAY, rest=DAY, unanswered_after=DAY)),
]


def test_who_answers_nothing_rests(spark):
    rows = fatigued(timeline(spark, MAILS), None, policies=TIRED).collect()
    told = {
        (row.person_id, row.policy, *row.evidence): (
            (utc(row.starts_at) - START) / DAY, (utc(row.ends_at) - START) / DAY
        )
        for row in rows
    }  # fmt: skip
    sent = [f"messages:silent {n} sent" for n in range(4)]
    assert told == {
        ("silent", "tired", *sent[:3]): (5, 14),
        ("silent", "tired", *sent[1:]): (6, 15),
        ("silent", "soon", *sent): (4, 5),
        ("late", "tired", *(f"messages:late {n} sent" for n in range(3))): (5, 14),
    }


def test_who_is_annoyed_too_often_rests(spark):
    made = [
        ("annoyed", at, ("messages", f"m{at:g}")) for at in (0, 1, 1.5, 4, 9)
    ] + [("once", 1, ("purchases", "late"))]  # fmt: skip
    experiences = spark.createDataFrame(
        [(who, START + at * DAY, (START, *cause)) for who, at, cause in made],
        "person_id string, at timestamp, "
        "cause struct<occurred_at:timestamp,stream:string,event_id:string>",
    )
    worn = Fatigued(bad_limit=2, window=4 * DAY, rest=2 * DAY)
    both = Fatigued(limit=2, bad_limit=3, window=5 * DAY, rest=9 * DAY)
    policies = [Policy("worn", "fatigued", worn), Policy("both", "fatigued", both)]
    rows = fatigued(timeline(spark, MAILS), experiences, policies=policies).collect()
    told = {
        (row.policy, *row.evidence): (utc(row.starts_at) - START) / DAY
        for row in rows
        if row.person_id == "annoyed"
    }
    names = [f"messages:m{at}" for at in ("0", "1", "1.5", "4")]
    assert told == {
        ("worn", *names[:3]): 1.5, ("worn", *names[1:]): 4, ("both", *names): 4,
    }  # fmt: skip
    silent = {row.policy for row in rows if row.person_id == "silent"}
    assert silent == {"both"}, "who goes by bad experiences alone counts no messages"
    assert not [row for row in rows if row.person_id == "once"]


def test_what_a_bad_experience_is(spark):
    """Two rules speak against one message; a second line of one late order is late later."""
    rows = timeline(spark, [
        *mail("p_ann m1", DAY, ("complained", 2 * DAY), skus=["jeans"]),
        *mail("p_ann fine", DAY, skus=["mat"]),
        *mail("n_tablet m2", DAY, ("complained", 2 * DAY), skus=["jeans"]),
    ])  # fmt: skip
    sku = [{"kind": "sku", "values": ["jeans"], "negated": False}]
    marketing = [{"kind": "purpose", "values": ["marketing"], "negated": False}]
    ordered = {"occurred_at": START, "stream": "purchases", "event_id": "o"}
    held = [
        ("p_ann", policy, "purchased", [], sku, START, None, [], ordered) for policy in ("a", "b")
    ] + [
        ("p_ann", "late", "unfulfilled", [], marketing, START + n * DAY, None, [], ordered)
        for n in (5, 4)
    ]  # fmt: skip
    suppressions = spark.createDataFrame(
        held,
        "person_id string, policy string, reason string, channels array<string>, "
        "scope array<struct<kind:string,values:array<string>,negated:boolean>>, "
        "starts_at timestamp, ends_at timestamp, evidence array<string>, "
        "cause struct<occurred_at:timestamp,stream:string,event_id:string>",
    )
    products_ = products(spark, [])
    messages = marketing_messages(
        rows, products_, offers(spark, CONTENTS), offers(spark, CAMPAIGNS)
    )  # fmt: skip
    is_one = [RULES[when].is_experience() for when in ("purchased", "unfulfilled")]
    found = bad_experiences(rows, messages, suppressions, shares={}, is_one=is_one).collect()
    assert {(r.person_id, (utc(r.at) - START) / DAY, r.cause.event_id) for r in found} == {
        ("p_ann", 1, "p_ann m1 sent"), ("p_ann", 2, "p_ann m1 complained"), ("p_ann", 4, "o"),
    }  # fmt: skip
    assert len(found) == 3
