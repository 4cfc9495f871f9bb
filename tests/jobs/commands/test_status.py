"""`status`: how far a lake is, from its files alone."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from tactful.jobs.commands.status import _made_of, render, status
from tactful.jobs.errors import LakeError, LakeTooNew
from tests.jobs.commands.status_lake import AT, at, shown, write, write_lake
from tests.small_lake import write_table


@pytest.fixture
def lake(tmp_path):
    return write_lake(tmp_path)


def test_status_tells_how_far_a_lake_is(lake):
    facts = status(lake)
    assert facts["as_of"] == "2026-01-11T00:00:00Z"
    rows = {"_log/ticks": 2, "batches": 3, "deliveries": 2, "delivery_states": 4, "left_out": 2,
            "messages": 5, "profiles": 1, "quarantine": 3, "service": 1, "timeline": 9}  # fmt: skip
    assert facts["rows"] == rows
    assert facts["batches"] == [
        {
            "query": "main", "generation": "new", "batch_id": 1,
            "as_of": "2026-01-11T00:00:00Z", "watermark": "2026-01-10T22:00:00Z",
            "read_rows": 8, "accepted_rows": 5, "duplicate_rows": 1, "quarantined_rows": 2,
            "lag_seconds": 7200.0,
        }
    ]  # fmt: skip


def test_shares_count_events_once_and_leave_shared_devices_out(lake):
    known = status(lake)["known"]
    assert known["events"] == 0.4286
    assert known["revenue"] == {"USD": 0.75, "the business's own currency": 0.0}


def test_lines_below_nothing_are_counted(lake):
    assert status(lake)["known"]["negative_lines"] == {"lowering": 1, "bought": 1}
    text = shown(lake)
    assert "1 line of orders with a negative amount: taken off what the order's other" in text
    assert "1 line of orders with a negative quantity and no such amount: taken as bought" in text


def test_the_newest_weeks_are_told_over_all_sources(tmp_path):
    (tmp_path / "_lake.json").write_text('{"format_version": 1}')
    weeks = [date(2026, 6, 1) + timedelta(weeks=n) for n in range(5)]
    told = [
        {"source": source, "stream": "purchases", "week_on": week, "events": 10,
         "known_events": known, "known_share": known / 10, "revenue": Decimal(paid),
         "known_revenue": Decimal(paid) / 4, "unpriced_orders": n}
        for n, week in enumerate(weeks)
        for source, known, paid in (("pos", 2, 8 if n else 0), ("shop", 6, 0))
    ]  # fmt: skip
    write_table(tmp_path, "known_shares", told)
    found = status(tmp_path)["known"]["weeks"]
    assert [week["week_on"] for week in found] == [day.isoformat() for day in weeks[:0:-1]]
    assert found[0] == {
        "week_on": "2026-06-29", "events": 0.4, "revenue": 0.25, "unpriced_orders": 8
    }  # fmt: skip
    assert (
        "Of known persons in the week from 2026-06-29: 40.0% of events, 25.0% of revenue; "
        "8 orders in a currency without a rate"
    ) in shown(tmp_path)
    write_table(tmp_path / "new", "known_shares", [{**row, "revenue": Decimal(0)} for row in told])
    (tmp_path / "new/_lake.json").write_text('{"format_version": 1}')
    assert "2026-06-15: 40.0% of events, no revenue; 4 orders" in shown(tmp_path / "new")


def test_what_the_best_tenth_of_customers_spend_is_told(tmp_path):
    """Of eleven who ordered two are the best tenth; who ordered nothing of late is none of them."""
    (tmp_path / "_lake.json").write_text('{"format_version": 1}')
    earned = [Decimal(0), *(Decimal(10 * n) for n in range(1, 12))]
    rows = [
        {"person_id": f"p_{n}", "lifecycle": "active", "revenue_365d": money, "valued": n > 8}
        for n, money in enumerate(earned)
    ]
    write_table(tmp_path, "customer_scores", rows)
    assert status(tmp_path)["known"]["best_tenth"] == {"reached": "100.0000", "valued": 3}
    assert (
        "The best tenth of a year's customers: from 100.0000 on (value.valued_from); valued are 3"
    ) in shown(tmp_path)


def test_failures_name_unfinished_batches_and_the_commonest_reasons(lake):
    facts = status(lake)
    assert facts["failures"]["unfinished"] == [{"query": "main", "batch_id": 2}]
    reasons = [(row["reason"], row["rows"]) for row in facts["refused"]["reasons"]]
    assert reasons == [("unknown_type", 2), ("malformed_json", 1), ("missing:order_id", 1)]
    assert facts["refused"]["reasons"][0]["last_at"] == "2026-01-10T00:00:00Z"
    odd = {"stream": "clicks", "type": "odd", "rows": 2}
    assert facts["refused"]["unknown_types"] == {"rows": 2, "types": [odd]}
    assert facts["refused"]["closing"] == {"rows": 0, "groups": []}


def test_failures_name_what_a_destination_refused(lake):
    refused = {"destination": "meta", "name": "2.json", "state": "rejected", "response": "400"}
    assert status(lake)["failures"]["deliveries"] == [refused]
    assert "meta took 8 records sent to it, and refused 3; all hold" in shown(lake)
    assert "mailer took" not in shown(lake), "test copies count in no figure"
    assert "meta/2.json is rejected: 400." in shown(lake)


def test_words_that_nobody_knows_are_told(lake):
    doubts = status(lake)["doubts"]
    assert doubts["rows"] == 7
    assert '1 × contact_closed says satisfaction "good": left aside.' in shown(lake)
    assert doubts["words"][0] == {
        "stream": "messages", "doubt": "bounce:", "type": "bounced", "rows": 2,
    }  # fmt: skip


def test_who_is_left_out_for_want_of_consent_is_told(lake):
    meta, other = status(lake)["left_out"]
    assert (meta["destination"], meta["not_asked_persons"]) == ("meta", 1190)
    assert other["wanted_persons"] == 5


def test_people_can_read_it(lake):
    text = shown(lake)
    assert "Events of known persons: 42.9%" in text
    assert "Batch 2 of query main is not finished" in text
    assert "2:00:00" in text
    assert "meta/2.json is rejected: 400." in text
    assert (
        "Left out of meta for want of consent to ads: 1,200 of 1,200 persons "
        "(1,190 were never asked, 10 withdrew it)"
    ) in text
    assert "none_missing" not in text
    assert "2 × bounced says no bounce: taken as a hard bounce of its address." in text
    assert '1 × consent_withdrawn says channel "fax": taken as all channels and purposes.' in text
    assert '1 × sent says channel "[pigeon]": counted for every channel.' in text


def test_a_lake_of_nothing_has_a_status(tmp_path):
    (tmp_path / "_lake.json").write_text('{"format_version": 1}')
    facts = status(tmp_path)
    assert facts["as_of"] is None
    assert facts["known"] == {
        "events": None, "revenue": {}, "weeks": [], "best_tenth": None,
        "negative_lines": {"lowering": 0, "bought": 0},
    }  # fmt: skip
    assert "never run" in next(iter(render(facts)))
    assert [path.name for path in tmp_path.iterdir()] == ["_lake.json"]


def test_no_lake_and_a_newer_lake_are_refused(tmp_path):
    with pytest.raises(LakeError, match="There is no lake at"):
        status(tmp_path)
    (tmp_path / "_lake.json").write_text('{"format_version": 99}')
    with pytest.raises(LakeTooNew, match="has format 99, this software knows up to 3"):
        status(tmp_path)


def test_status_names_hubs_and_tells_who_changed(lake):
    hubs = [("identifier_key", pa.string()), ("identifier_type", pa.string()),
            ("seen_with_count", pa.int64())]  # fmt: skip
    write(lake, "hubs", hubs, ("k1", "device_id", 4000), ("k2", "email", 7))
    changes = [("changed_at", AT), ("kind", pa.string()), ("rule", pa.string())]
    merged, split = ("merge", "linked"), ("split", "kept_apart")
    told = [(at(9), *merged), (at(11), *merged), (at(11, 3), *split), (at(11, 3), *split)]
    write(lake, "identity_changes", changes, *told)
    facts = status(lake)
    assert facts["hubs"][0] == {
        "identifier_type": "device_id", "identifier_key": "k1", "seen_with_count": 4000,
    }  # fmt: skip
    shown = "\n".join(line for line in render(facts) if isinstance(line, str))
    assert "A hub of type device_id was seen with 4,000 other identifiers" in shown
    assert "type email was seen" not in shown
    assert (
        "Persons changed in the day until 2026-01-11T03:00:00+00:00: "
        "1 merge (linked), 2 split (kept_apart)." in shown
    )


def test_status_tells_of_words_that_do_nothing(lake):
    names = ("event_id", "kind", "identifier_key", "other_key")
    words = [*((name, pa.string()) for name in names), ("is_standing", pa.bool_())]
    write(
        lake, "manual_links", words,
        ("w1", "always_link", "a", "k1", True), ("w2", "always_link", "k1", "b", True),
        ("w3", "always_link", "k1", "k2", False), ("w4", "never_link", "k1", "c", True),
        ("w5", "always_link", "a", "b", True),
    )  # fmt: skip
    told = {"always_link": 3, "never_link": 1, "of_hubs": 0, "of_nobody": 0}
    assert status(lake)["manual_links"] == told
    write(lake, "identity", [("identifier_key", pa.string())], ("a",), ("b",), ("k1",))
    assert status(lake)["manual_links"] == {**told, "of_nobody": 1}
    hubs = [("identifier_key", pa.string()), ("identifier_type", pa.string()),
            ("seen_with_count", pa.int64())]  # fmt: skip
    write(lake, "hubs", hubs, ("k1", "email", 7), ("k2", "email", 9))
    shown = "\n".join(line for line in render(status(lake)) if isinstance(line, str))
    assert "Manual links that stand: 3 of one customer, 1 of never one" in shown
    assert "2 manual links name a hub, which is nobody's" in shown
    assert "1 manual links name what no event has carried, and do nothing until one does" in shown


def test_what_closes_a_channel_in_a_word_nobody_knows_closes_marketing():
    assert _made_of("unsubscribed", "channel") == "taken as all channels, marketing"
    assert _made_of("consent_withdrawn", "gpc") == "taken as a no to ads"
