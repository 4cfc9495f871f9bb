"""What was said next in the report: each story with the customers it is about and none beside."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

import duckdb
import pyarrow as pa
import pytest

from tactful.jobs.demo import spoken as planted
from tactful.jobs.report import page, spoken
from tactful.jobs.report.lake_view import LakeView, arrow_schema
from tactful.schemas.customers import CUSTOMER_SCORES, CUSTOMERS
from tactful.schemas.events import MESSAGES, PURCHASES
from tactful.schemas.identity import IDENTITY
from tactful.schemas.plans import ACTIVATIONS, PLANS
from tactful.schemas.suppressions import PRESSURE

TABLES = {
    "activations": ACTIVATIONS, "log_plans": PLANS, "messages": MESSAGES, "purchases": PURCHASES,
    "identity": IDENTITY, "customers": CUSTOMERS, "customer_scores": CUSTOMER_SCORES,
    "pressure": PRESSURE,
}  # fmt: skip
# A winter's day of New York, which is five hours behind.
NINE, DECIDED, SIX, SEEN = (
    datetime(2018, 1, day, hour, minute)
    for day, hour, minute in ((2, 14, 0), (2, 19, 0), (2, 23, 0), (3, 14, 30))
)


class Told:
    """Rows of the tables that the report reads, for one customer after another."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, object]]] = {name: [] for name in TABLES}

    def customer(self, who: str, *, usual_hour: int = 18, opens: int = 9, is_seen: bool = True):
        self.rows["identity"].append(
            {"identifier_key": f"k-{who}", "person_id": who, "state": "linked"}
        )
        self.rows["customers"].append(
            {"person_id": who, "time_zone": "America/New_York", "usual_response_hour": usual_hour,
             "revenue_total": 450, "deliveries": [("email", 10)],
             "opens": [("email", opens)] if opens else []}
        )  # fmt: skip
        self.rows["customer_scores"].append({"person_id": who, "opens_observable": is_seen})

    def plan(self, who: str, policy: str, *was: dict[str, object], channel: str = "email", **about):
        """A plan with all that it was, batch by batch."""
        name = f"{who}-{policy}-{channel}"
        one = {
            "plan_id": f"{who}-{policy}", "person_id": who, "policy": policy, "channel": channel,
            "campaign_id": policy, "skus": ["MAT"], **about,
        }  # fmt: skip
        for batch, row in enumerate(was, start=1):
            cause = {"occurred_at": NINE, "stream": "clicks", "event_id": f"cart-{who}"}
            self.rows["log_plans"].append(
                {**one, "decision_id": name, "cause": cause, "proposed_at": DECIDED,
                 "as_of": DECIDED, "batch_id": batch, **row}
            )  # fmt: skip
        self.rows["activations"].append({**one, "activation_id": name, **was[-1]})

    def bought(self, who: str, at: datetime, sku: str, place: str):
        self.rows["purchases"].append(
            {"anchor_key": f"k-{who}", "type": "order_placed", "occurred_at": at, "place": place,
             "event_id": f"order-{who}", "lines": [{"sku": "HAT"}, {"sku": sku}]}
        )  # fmt: skip

    def sent(self, who: str, policy: str, channel: str = "email", at: datetime = SIX):
        self.rows["messages"].append(
            {"anchor_key": f"k-{who}", "type": "sent", "occurred_at": at, "channel": channel,
             "event_id": f"sent-{who}", "message_id": f"m-{who}", "campaign_id": policy}
        )  # fmt: skip

    def database(self) -> duckdb.DuckDBPyConnection:
        made = duckdb.connect()
        made.execute("SET TimeZone = 'UTC'")
        for name, table in TABLES.items():
            schema = arrow_schema(table)
            whole = [{n: row.get(n) for n in schema.names} for row in self.rows[name]]
            made.register(f"arrow_{name}", pa.Table.from_pylist(whole, schema))
            made.execute(f"CREATE TABLE {name} AS FROM arrow_{name}")
        return made


CHOSEN = {"outcome": "chosen", "send_at": SIX}
HANDED = {**CHOSEN, "emitted_at": DECIDED}


@pytest.fixture
def told():
    """One customer of each story, and beside each somebody of whom it is not true."""
    told = Told()
    for who in ("store", "late", "belt", "both", "full", "text", "mail"):
        told.customer(who, opens=0 if who in ("text", "mail") else 9, is_seen=who != "mail")
    told.customer("nine", usual_hour=9)
    back = {**HANDED, "outcome": "withdrawn", "reason": "order_placed"}
    for who, place in (("store", "store"), ("late", "online")):
        event = {"stopped_by": [f"purchases:order-{who}"]}
        told.plan(who, spoken.CART, HANDED, {**back, **event})
        told.bought(who, datetime(2018, 1, 2, 21), "MAT", place)
    told.plan("belt", spoken.BELT, HANDED, skus=["BELT", "SOCKS"])
    told.sent("belt", spoken.BELT)
    told.bought("belt", SEEN, "BELT", "online")
    told.plan("both", spoken.CART, HANDED)
    told.sent("both", spoken.CART)
    # What is bought before it was sent, or is another thing, is no answer to it.
    told.bought("both", SEEN, "CAP", "online")
    lost = {"outcome": "lost", "reason": "min-gap", "lost_to": [f"both-{spoken.CART}-email"]}
    told.plan("both", spoken.BELT, {**lost, "send_at": SEEN}, {**CHOSEN, "send_at": SEEN})
    told.plan("full", spoken.CART, {"outcome": "suppressed", "reason": "weekly", "send_at": SEEN})
    told.rows["pressure"].append({"person_id": "full", "cap": "weekly", "next_allowed_at": SEEN})
    barred = {"outcome": "suppressed", "reason": "unanswered"}
    told.plan("text", spoken.CART, barred)
    told.plan("text", spoken.CART, HANDED, channel="sms")
    told.sent("text", spoken.CART, "sms")
    told.plan("mail", spoken.CART, HANDED)
    told.sent("mail", spoken.CART)
    at = datetime(2018, 1, 3, 13, 10)
    told.plan("nine", spoken.MUFFIN, {**HANDED, "send_at": at}, skus=["MUFFIN"])
    told.sent("nine", spoken.MUFFIN, at=at)
    return told


EXPECTED = {
    "bought_in_store": 1, "reminded": 3, "by_text": 1, "seem_silent": 1, "belts": 1, "lost": 1,
    "muffins": 1, "moved": 1, "answered": 1,
}  # fmt: skip


def test_every_story_is_told_of_whom_it_is_about(told):
    with told.database() as database:
        found = spoken.spoken(LakeView(database, None), planted=EXPECTED)
    assert found["agrees"] and found["counted"] == EXPECTED
    assert {*EXPECTED} == {*asdict(planted.planted())}
    assert (spoken.CART, spoken.BELT, spoken.MUFFIN) == (planted.CART, planted.BELT, planted.MUFFIN)
    rows = {name: lines[0] for name, lines in found["rows"].items()}
    assert rows["bought_in_store"]["person_id"] == "store"
    assert rows["bought_in_store"]["due_at"] == datetime(2018, 1, 2, 14), "where they live"
    assert (rows["lost"]["winner"], rows["lost"]["held_by"]) == (spoken.CART, "min-gap")
    assert rows["muffins"]["told_at"] == datetime(2018, 1, 3, 8, 10)
    assert rows["moved"]["moved_to"] == datetime(2018, 1, 3, 9, 30)
    assert rows["belts"]["bought"] == ["BELT"]
    lines = {line.pop("policy"): tuple(line.values()) for line in found["policies"]}
    # persons, chosen, lost, held back, withdrawn, handed over, sent, bought
    assert lines[spoken.CART] == (6, 5, 0, 2, 2, 5, 3, 0)
    assert lines[spoken.BELT] == (2, 2, 1, 0, 0, 1, 1, 1)


def test_a_lake_that_says_otherwise_is_found_out(told):
    with told.database() as database:
        lake = LakeView(database, None)
        assert not spoken.spoken(lake, planted={**EXPECTED, "lost": 2})["agrees"]
        told = spoken.spoken(lake, planted={**EXPECTED, "lost": 2})
        template = page.environment().from_string(
            "{% macro made() %}{% endmacro %}{% include 'spoken.html.j2' %}"
        )
        text = template.render(spoken=told, currency="USD", min_gap="20 hours")
        assert "They do not agree" in text and "2 Jan, 18:00" in text
        database.execute("DELETE FROM activations")
        assert spoken.spoken(lake, planted=EXPECTED) is None
