"""What is said next to whom: from what happened to the record in the outbox."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tactful.jobs.commands.plan_status import plan_facts
from tactful.jobs.commands.tables_here import Tables
from tactful.jobs.lake.local_files import LocalFiles
from tactful.jobs.runs.pausing import pause
from tactful.schemas.plans import PLANS
from tests.landing import World
from tests.oracle.compare import read_tables
from tests.product import DECIDING, Shop

# A Wednesday; New York is four hours behind.
NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SOURCES = {
    "web": {"stream": "clicks", "path": "landing/web"},
    "till": {"stream": "purchases", "path": "landing/till"},
    "mail": {"stream": "messages", "path": "landing/mail"},
    "crm": {"stream": "profiles", "path": "landing/crm"},
}
LIVE = {"mode": "live", "starts_at": "2026-01-01T00:00:00Z"}
CONFIG: dict[str, Any] = {
    "sources": SOURCES,
    "reference": {
        "products": {"format": "json", "path": "reference/products"},
        "contents": {"format": "json", "path": "reference/contents"},
    },
    "caps": [
        {"name": "weekly", "channels": ["email"], "limit": 2, "window": "7d"},
    ],
    "suppress": [
        {"name": "bought_it", "when": "purchased", "match": "sku", "lasts": "30d"},
    ],
    "activate": [
        {"name": "cart", "when": "cart_abandoned", "after": "4h", "channels": ["email"],
         "priority": 70, "content_id": "cart_mail", **LIVE},
        {"name": "texts", "when": "cart_abandoned", "after": "4h", "channels": ["sms"],
         "priority": 20, "expires": "10h", **LIVE},
        {"name": "trial", "when": "cart_abandoned", "after": "1h", "channels": ["email"]},
        {"name": "shown", "when": "cart_abandoned", "after": "1h", "channels": ["ad"],
         "expires": "3d", **LIVE},
        {"name": "form", "when": "form_abandoned", "after": "1h", "channels": ["email"],
         "per_day": 2, **LIVE},
        {"name": "sale", "when": "campaign", "campaign_id": "sale", "channels": ["email"]},
        {"name": "back", "when": "win_back", "after": "30d", "channels": ["email"],
         "priority": 10, "expires": "60d", **LIVE},
    ],
    "destinations": [
        {"name": "mailer", "kind": "file", "policy": "cart",
         "seed_list": ["QA@x.io", "+442071234567"]},
        {"name": "texter", "kind": "file", "policy": "texts", "channel": "sms"},
        {"name": "backs", "kind": "file", "policy": "back"},
        {"name": "forms", "kind": "file", "policy": "form"},
        {"name": "network", "kind": "meta_custom_audience", "policy": "shown",
         "audience_id": "1", "identifiers": ["email"]},
        {"name": "silent", "kind": "file", "policy": "unsubscribed"},
    ],
}  # fmt: skip
PRODUCTS = [
    {"sku": "jeans", "category": "trousers", "brand": "b", "price": 50, "name": "Blue jeans",
     "url": "https://shop.example/jeans"},
]  # fmt: skip
CONTENTS = [{"content_id": "cart_mail", "stands_for": {"file": "template-7"}}]


def row(who: str, hours: float, type_: str, **said: Any) -> dict[str, Any]:
    return {
        "event_id": f"{who} {type_} {hours}",
        "type": type_,
        "occurred_at": (NOON + hours * HOUR).isoformat(),
        "identifiers": [{"type": "email", "value": f"{who}@x.io"}],
        **said,
    }


def agrees(who: str) -> dict[str, Any]:
    return row(who, -1000, "consent_granted", purpose="marketing")


def carts(*names: str, hours: float = 0) -> list[dict[str, Any]]:
    return [row(who, hours, "add_to_cart", sku="jeans") for who in names]


def lines(
    shop: Shop, destination: str, extension: str = "jsonl", *, operation: str = "send"
) -> list[dict[str, Any]]:
    """What a destination was told to say, or not to say after all."""
    files = sorted((shop.lake / "outbox" / destination).glob(f"*-{operation}.{extension}"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def plans(shop: Shop) -> dict[tuple[str, str], dict[str, Any]]:
    """What stands of everything that was planned, by whose address and policy."""
    tables = read_tables(shop.lake, ["_log/plans", "identifiers"])
    names = {r["identifier_key"]: r["value"].removesuffix("@x.io") for r in tables["identifiers"]}
    newest = sorted(tables["_log/plans"], key=lambda r: r["batch_id"])
    return {(names[r["anchor_key"]], r["policy"]): r for r in newest}


def activations(shop: Shop) -> dict[tuple[str, str], dict[str, Any]]:
    """By whose address and policy."""
    tables = read_tables(shop.lake, ["activations", "identifiers", "identity"])
    persons = {r["identifier_key"]: r["person_id"] for r in tables["identity"]}
    who = {
        persons[r["identifier_key"]]: r["value"].removesuffix("@x.io")
        for r in tables["identifiers"]
        if r["identifier_type"] == "email" and r["identifier_key"] in persons
    }
    return {(who[r["person_id"]], r["policy"]): r for r in tables["activations"]}


@pytest.mark.parametrize(
    "is_killed",
    [pytest.param(False, id="whole"), pytest.param(True, id="killed", marks=pytest.mark.faults)],
)
def test_from_the_cart_to_the_record(spark, tmp_path: Path, is_killed: bool) -> None:
    """One world through a day: planned, handed over ahead and called back, shown as ads, bounded by
    the day, held while a source lags, killed in between.
    """
    mat = [{"sku": "mat", "quantity": 1, "unit_price": 50}]
    forms = [f"form{n}" for n in range(3)]
    first = {
        "web": [
            *carts("ann", "bea", "cat", "dan", "eve", "eli"),
            *(row(who, 0, "form_start", form="f") for who in forms),
        ],
        "crm": [agrees(who) for who in ("ann", "bea", "cat", "dan", "eli", *forms)],
        "till": [row("dan", -24 * 30 + 5, "order_placed", order_id="o1", lines=mat)],
    }
    second = {
        "till": [row("bea", 2, "order_placed", order_id="o2", lines=mat)],
        "mail": [row("cat", 2, "unsubscribed", channel="email", message_id="m")],
    }
    world = World(
        {}, CONFIG, PRODUCTS, NOON, NOON + 200 * HOUR, contents=CONTENTS,
        campaigns=[{"campaign_id": "sale"}],
    )  # fmt: skip
    shop = Shop(world, tmp_path)
    shop.land(first)
    decide(shop, 1)
    planned = plans(shop)
    assert ("form0", "sale") not in planned
    for who in ("ann", "bea", "cat", "dan", "eli"):
        told = planned[who, "cart"]
        assert (told["outcome"], told["send_at"]) == ("chosen", NOON + 4 * HOUR), who
        assert (told["skus"], told["content_id"]) == (["jeans"], "cart_mail")
    assert planned["eve", "cart"]["outcome"] == planned["eve", "shown"]["outcome"] == "suppressed"
    assert planned["eve", "cart"]["reason"] == "no_consent"
    assert planned["ann", "texts"]["reason"] == "no_address"
    # Dan's long silence is told of a day later: the cart has the place.
    back = planned["dan", "back"]
    assert (back["outcome"], back["reason"]) == ("lost", "min-gap")
    assert back["lost_to"] == [planned["dan", "cart"]["decision_id"]]
    assert lines(shop, "mailer") == []
    # On a day two of three are told; whom else, waits for the next.
    told_of = {planned[who, "form"]["outcome"] for who in forms}
    assert len(lines(shop, "forms")) == 2 and told_of == {"chosen", "suppressed"}
    # Which two of equal worth are first goes by the lake's own hashes, other ones in every lake.
    [waits] = [who for who in forms if planned[who, "form"]["outcome"] != "chosen"]
    late = planned[waits, "form"]
    assert (late["reason"], late["send_at"]) == ("per-day:form", NOON + 12 * HOUR)
    # Ads are shown at once, to whom consent allows it.
    assert members(shop) == {"ann", "bea", "cat", "dan", "eli"}

    # The next run comes two hours later as well, so what falls due until then is handed over now.
    shop.land(second)
    if is_killed:
        with pytest.raises(Exception, match="killed"):
            decide(shop, 3, hook=killed_behind(PLANS.id))
    decide(shop, 3)
    planned = plans(shop)
    assert planned["bea", "cart"]["outcome"] == "withdrawn"
    assert planned["bea", "cart"]["reason"] == planned["bea", "shown"]["reason"] == "order_placed"
    assert (planned["cat", "cart"]["outcome"], planned["cat", "cart"]["reason"]) == (
        "withdrawn", "unsubscribed",
    )  # fmt: skip
    assert members(shop) == {"ann", "cat", "dan", "eli"}
    told = {line["address"]: line for line in lines(shop, "mailer")}
    assert sorted(told) == ["ann@x.io", "dan@x.io", "eli@x.io"]
    schema = Path(__file__).parents[1] / "golden/send_record.schema.json"
    for line in told.values():
        jsonschema.validate(line, json.loads(schema.read_text()))
    ann = told["ann@x.io"]
    assert ann["products"] == [
        {
            "sku": "jeans",
            "name": "Blue jeans",
            "price": 50.0,
            "currency": "USD",
            "url": "https://shop.example/jeans",
        }
    ]
    said = read_tables(shop.lake, ["records"])["records"]
    assert {r["consent_event"] for r in said if r["decision_id"] == ann["decision_id"]} == {
        "profiles:ann consent_granted -1000"
    }
    assert (ann["template"], ann["content_id"], ann["channel"]) == (
        "template-7", "cart_mail", "email",
    )  # fmt: skip
    assert (ann["send_at"], ann["not_after"]) == ("2026-06-03T16:00:00Z", "2026-06-10T16:00:00Z")
    # Before its moment she bought: it is called back in that batch, and nothing else is.
    order = row("eli", 3.2, "order_placed", order_id="o3", lines=mat)
    shop.land({"till": [order]})
    decide(shop, 3.5)
    [back] = lines(shop, "mailer", operation="cancel")
    jsonschema.validate(back, json.loads((schema.parent / "cancel_record.schema.json").read_text()))
    assert back["decision_id"] == told["eli@x.io"]["decision_id"]
    assert members(shop) == {"ann", "cat", "dan"}
    assert plans(shop)["eli", "cart"]["outcome"] == "withdrawn"

    # Who looks whether it is right gets each message once a day, and nothing that is a customer's.
    [copy] = lines(shop, "mailer", operation="test")
    jsonschema.validate(copy, json.loads(schema.read_text()))
    assert (copy["address"], copy["operation"]) == ("qa@x.io", "send")
    assert copy["decision_id"].startswith("test-") and copy["products"] == ann["products"]
    qa_got = [row("qa", 4, type_, message_id="qa", channel="email", campaign_id="elsewhere",
                  decision_id=copy["decision_id"]) for type_ in ("sent", "clicked")]  # fmt: skip
    # A source that cannot be read to its end may have forbidden it since.
    ann_got = row("ann", 4, "sent", message_id="a", channel="email", campaign_id="elsewhere",
                  decision_id=ann["decision_id"])  # fmt: skip
    strange = row("cat", 4, "sent", message_id="d", channel="email", decision_id="of nobody")
    shop.land({"mail": [ann_got, strange, *qa_got]})
    # A campaign that gets its day concerns everybody, also whom nothing else has happened to.
    begun = tmp_path / "reference/campaigns/later.json"
    begun.write_text(json.dumps({"campaign_id": "sale", "starts_at": "2026-06-03T16:30:00Z"}))
    decide(shop, 5)
    # Who was told of the form today is left alone, who waits for the day after is asked meanwhile.
    sale = {who: plans(shop)[who, "sale"] for who in forms}
    assert {w: s["outcome"] for w, s in sale.items()} == {
        who: "chosen" if who == waits else "lost" for who in forms
    }
    assert {s["reason"] for w, s in sale.items() if w != waits} == {"min-gap"}
    assert {d["outcome"] for d in decisions(shop, "cart")} == {"chosen", "withdrawn"}
    assert ann["decision_id"] in {
        d["decision_id"] for d in decisions(shop, "cart") if d["outcome"] == "chosen"
    }
    lost = tmp_path / "landing" / "mail" / "lost.json"
    lost.symlink_to(tmp_path / "nowhere")
    decide(shop, 26)
    assert lines(shop, "backs") == [] and len(lines(shop, "forms")) == 2
    facts = plan_facts(Tables(shop.lake), shop.lake)
    assert facts["lagging"] == {"mail": (NOON + 5 * HOUR).isoformat()}
    lost.unlink()
    shop.run(as_of=NOON + 27 * HOUR)
    assert [line["address"] for line in lines(shop, "backs")] == ["dan@x.io"]
    assert len(lines(shop, "forms")) == 3 and len(lines(shop, "mailer")) == 3
    # Nothing twice, and each end once.
    decided = decisions(shop)
    assert len({r["decision_id"] for r in decided}) == len(decided)
    assert {r["outcome"] for r in activations(shop).values()} >= {"chosen", "withdrawn"}
    stays = read_tables(shop.lake, ["audience_members"])["audience_members"]
    entered, left = NOON + HOUR, {NOON + 3 * HOUR, NOON + 3.5 * HOUR, None}
    assert {(r["audience"], r["entered_at"]) for r in stays} == {("shown", entered)}
    assert {r["left_at"] for r in stays} == left and len(stays) == 5
    facts = plan_facts(Tables(shop.lake), shop.lake)
    assert facts["lagging"] == {}
    counted = read_tables(shop.lake, ["timeline", "outcomes", "identity", "identifiers"])
    assert "qa" not in {r["message_id"] for r in counted["timeline"] + counted["outcomes"]}
    keys = {r["identifier_key"] for r in counted["identifiers"] if r["value"] == "qa@x.io"}
    assert keys and not keys & {r["identifier_key"] for r in counted["identity"]}
    assert facts["sent"] == {"of_nobody": 1, "called_back": 0, "late": 0, "foreign_count": 0}

    # Somebody pauses the policy: what is ahead of its moment is called back, for good.
    fays = row("fay", -1000, "consent_granted", purpose="marketing", channel="email")
    shop.land({"crm": [fays], "web": carts("fay", hours=26)})
    decide(shop, 27.5)
    assert "fay@x.io" in {line["address"] for line in lines(shop, "mailer")}
    pause(LocalFiles(str(shop.lake)), ["cart"])
    decide(shop, 28)
    fay = plans(shop)["fay", "cart"]
    assert (fay["outcome"], fay["reason"], fay["is_final"]) == ("withdrawn", "paused", True)
    called_back = {line["decision_id"] for line in lines(shop, "mailer", operation="cancel")}
    assert called_back == {back["decision_id"], fay["decision_id"]}


def decide(shop: Shop, hours: float, **options: Any) -> None:
    """A run that publishes nothing."""
    shop.run(as_of=NOON + hours * HOUR, steps=DECIDING, **options)


def killed_behind(place: str) -> Any:
    def hook(step: str, k: int, table: str) -> None:
        if step == "fused" and table == place:
            raise RuntimeError("killed")

    return hook


def members(shop: Shop) -> set[str]:
    """Whom ads are shown to, by their address."""
    tables = read_tables(shop.lake, ["identifiers"])["identifiers"]
    names = {r["identifier_key"]: r["value"].removesuffix("@x.io") for r in tables}
    return {names[key] for name, key in shop.held() if name == "network"}


def decisions(shop: Shop, policy: str | None = None) -> list[dict[str, Any]]:
    rows = read_tables(shop.lake, ["decisions"])["decisions"]
    return [row for row in rows if policy in (None, row["policy"])]
