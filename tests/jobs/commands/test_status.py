"""`status`: how far a lake is, from its files alone."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from rich.console import Console

from tactful.jobs.commands.status import _made_of, render, status
from tactful.jobs.errors import LakeError, LakeTooNew
from tests.small_lake import write_table

AT = pa.timestamp("us", tz="UTC")


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 1, day, hour, tzinfo=UTC)


def write(lake, name, columns, *rows):
    """Write rows as a Delta table; `columns` are (name, type) pairs."""
    schema = pa.schema(columns)
    table = pa.Table.from_pylist(
        [dict(zip(schema.names, row, strict=True)) for row in rows], schema
    )
    write_deltalake(str(lake / name), table, mode="append", schema_mode="merge")


def write_refused(lake, *rows):
    """Rows of quarantine: stream, reasons, raw, and the day of their file."""
    position = pa.struct([("file", pa.string()), ("modified_at", AT), ("line_hash", pa.string())])
    columns = [
        ("stream", pa.string()), ("source_name", pa.string()), ("source_position", position),
        ("raw", pa.string()), ("reasons", pa.list_(pa.string())), ("quarantined_at", AT),
    ]  # fmt: skip
    told = [
        (stream, f"my_{stream}", {"file": f"{stream}/{day}.json"}, raw, reasons, at(day))
        for stream, reasons, raw, day in rows
    ]
    write(lake, "quarantine", columns, *told)


@pytest.fixture
def lake(tmp_path):
    """A lake as far as `status` reads it."""
    state = {"format_version": 1, "generations": {"main": "new"}}
    (tmp_path / "_lake.json").write_text(json.dumps(state))
    ticks = [("tick_id", pa.string()), ("as_of", AT)]
    write(tmp_path, "_log/ticks", ticks, ("a", at(10)), ("b", at(11)))
    batch = [
        ("query", pa.string()), ("generation", pa.string()), ("batch_id", pa.int64()),
        ("as_of", AT), ("watermark", AT), ("read_rows", pa.int64()),
        ("accepted_rows", pa.int64()), ("duplicate_rows", pa.int64()),
        ("quarantined_rows", pa.int64()),
    ]  # fmt: skip
    write(
        tmp_path, "batches", batch,
        ("main", "old", 9, at(9), at(9), 9, 9, 0, 0),
        ("main", "new", 0, at(10), at(9), 5, 5, 0, 0),
        ("main", "new", 1, at(11), at(10, 22), 8, 5, 1, 2),
    )  # fmt: skip
    facts = [
        ("person_id", pa.string()), ("type", pa.string()), ("line_number", pa.int32()),
        ("amount", pa.decimal128(18, 4)), ("currency", pa.string()), ("order_id", pa.string()),
        ("occurred_at", AT), ("event_id", pa.string()), ("stream", pa.string()),
        ("quantity", pa.decimal128(18, 4)),
    ]  # fmt: skip
    write(
        tmp_path, "timeline", facts,
        ("p_1", "order_placed", 0, Decimal(60), "USD", "o1", at(1), "a", "other", None),
        ("p_1", "order_placed", 1, Decimal(15), "USD", "o1", at(1), "a", "other", None),
        (None, "order_placed", 0, Decimal(25), "USD", "o2", at(1), "b", "other", None),
        ("n_2", "page_view", 0, None, None, None, at(1), "c", "other", None),
        ("p_3", "order_refunded", 0, Decimal(99), "USD", "o1", at(1), "d", "other", None),
        ("p_1", "page_view", 0, None, None, None, at(2), "e", "other", None),
        ("n_2", "order_placed", 0, Decimal(75), "USD", "o1", at(2), "f", "other", None),
        (None, "order_placed", 1, Decimal(-5), None, "o3", at(3), "g", "other", Decimal(-1)),
        (None, "order_placed", 0, Decimal(25), None, "o3", at(3), "g", "other", Decimal(-2)),
    )  # fmt: skip
    write_refused(
        tmp_path,
        ("clicks", ["malformed_json"], "no JSON", 8),
        ("clicks", ["unknown_type", "missing:order_id"], '{"type": " odd\u00a0"}', 9),
        ("clicks", ["unknown_type"], '{"type": "odd"}', 10),
    )
    files = [(name, pa.string()) for name in ("destination", "name", "state", "response")]
    write(
        tmp_path, "deliveries", [*files, ("at", AT)],
        ("meta", "1.json", "written", None, at(9)), ("meta", "2.json", "written", None, at(9)),
    )  # fmt: skip
    counts = [(name, pa.int64()) for name in ("accepted_records", "refused_records")]
    write(
        tmp_path, "delivery_states", [*files, *counts, ("at", AT), ("effective_by", AT)],
        ("meta", "1.json", "rejected", "500", 0, 9, at(8), None),
        ("meta", "1.json", "accepted", "200", 8, 1, at(9), at(10)),
        ("meta", "2.json", "rejected", "400", 0, 2, at(9), None),
    )  # fmt: skip
    said = [("type", pa.string()), ("doubts", pa.list_(pa.string()))]
    told = [*said, ("event_id", pa.string()), ("bounce", pa.string())]
    write(
        tmp_path, "messages", told,
        ("sent", None, "m1", None), ("bounced", ["bounce:"], "m2", "hard"),
        ("bounced", ["bounce:"], "m3", "hard"),
        ("bounced", ["bounce:Undetermined"], "m4", "hard"),
        ("sent", ["channel:[pigeon]"], "m5", None),
    )  # fmt: skip
    write(tmp_path, "profiles", said, ("consent_withdrawn", ["channel:fax", "purpose:profiling"]))
    write(tmp_path, "service", said, ("contact_closed", ["satisfaction:good"]))
    numbers = ("wanted_persons", "not_asked_persons", "withdrawn_persons")
    write(
        tmp_path, "left_out",
        [("destination", pa.string()), *((n, pa.int64()) for n in numbers), ("as_of", AT)],
        ("meta", 1200, 1190, 10, at(11)), ("none_missing", 5, 0, 0, at(11)),
    )  # fmt: skip
    for place in ("pins/000000000001.json", "pins/000000000002.json", "spark/commits/1"):
        file = tmp_path / "_checkpoints/main" / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}")
    return tmp_path


def test_status_tells_how_far_a_lake_is(lake):
    facts = status(lake)
    assert facts["as_of"] == "2026-01-11T00:00:00Z"
    rows = {"_log/ticks": 2, "batches": 3, "deliveries": 2, "delivery_states": 3, "left_out": 2,
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


def test_every_reason_is_told_or_counted(lake):
    """A row that has two of the reasons that are only counted is one row."""
    for number in range(10):
        write_refused(lake, *[("messages", [f"reason:{number}"], "{}", 8)] * 3)
    write_refused(
        lake, ("messages", ["rare:1", "rare:2"], "{}", 8), ("messages", ["rare:2"], "{}", 8)
    )
    facts = status(lake)["refused"]
    assert len(facts["reasons"]) == 15
    assert facts["rest"] == {"reasons": 5, "rows": 5}
    text = shown(lake)
    assert "Quarantined for reason:9: 3" in text and "rare" not in text
    assert "Quarantined for 5 more reasons: 5; --json tells them all" in text


def test_refused_rows_that_wanted_to_close_are_told(lake):
    """In whatever spelling and stream, and where a row is no JSON at all."""
    write_refused(
        lake,
        ("messages", ["missing:message_id"], '{"type": "Un-Subscribe", "identifiers": []}', 8),
        ("messages", ["missing:message_id"], '{"type": "unsubscribed"}', 9),
        ("profiles", ["malformed_json"],
         '{"identifiers": [{"type": "email"}], "type":"consent_withdrawn"', 9),
        ("clicks", ["unknown_type"], '{"type": "opt out"}', 9),
        ("messages", ["id_reused"], '{"type": "bounced", "bounce": "Permanent"}', 9),
        ("messages", ["id_reused"], '{"type": "bounced", "bounce": "Transient"}', 9),
        ("messages", ["missing:event_id"], '{"type": "sent", "topic": "unsubscribed"}', 9),
        ("profiles", ["unknown_type"], '{"type": "anna@x.example"}', 9),
    )  # fmt: skip
    facts = status(lake)["refused"]
    told = [(group["type"], group["rows"]) for group in facts["closing"]["groups"]]
    assert facts["closing"]["rows"] == 5
    assert sorted(told) == [
        ("bounced", 1), ("consent_withdrawn", 1), ("unsubscribed", 1), ("unsubscribed", 2),
    ]  # fmt: skip
    text = shown(lake)
    assert "5 refused rows wanted to close a channel; look at them in quarantine: " in text
    assert (
        "1 × consent_withdrawn of source my_profiles for malformed_json, the last in "
        "profiles/9.json" in text
    )
    assert '4 rows of types that nobody knows: 2 × "odd" in clicks; ' in text
    assert '1 × "…" in profiles' in text and "anna" not in text


def test_refused_rows_of_another_dialect_are_understood_by_its_own_name_for_a_type(lake, read):
    """Where nobody says whose form a row has, it is searched for all of them."""
    write_refused(
        lake,
        ("mail", ["missing:event_id"], '{"event": "Group Unsubscribe", "type": "sent"}', 9),
        ("mail", ["malformed_json"], '[{"event": "spamreport"}, {"event": "open"', 9),
        ("mail", ["oversized"], '[{"event": "bounce", "type": "bounce"}]', 9),
        ("mail", ["unknown_type"], '{"event": "account_status_change", "type": "suspend"}', 9),
        ("mail", ["missing:event_id"], '{"event": "open", "type": "unsubscribed"}', 9),
        ("web", ["unknown_type"], '{"type": "page", "event": "unsubscribe"}', 9),
    )
    sources = "[sources.my_{0}]\npath = '{0}'\n{1}\n"
    configured = read(
        sources.format("mail", "dialect = 'sendgrid'") + sources.format("web", "stream = 'clicks'"),
        environ={"TACTFUL_SECRET": "x" * 16},
    )
    known, unknown = status(lake, config=configured)["refused"], status(lake)["refused"]
    for facts, rows in ((known, 3), (unknown, 5)):
        assert facts["closing"]["rows"] == rows
    types = {row["type"] for row in known["unknown_types"]["types"]}
    assert types == {"odd", "account_status_change", "page"}


def test_refused_bodies_that_take_back_consent_are_told(lake, read):
    """Of a form that names no type: where consent is an object, by what it says."""
    no, yes = ({"email_marketing_consent": {"state": said}} for said in ("unsubscribed", "pending"))
    write_refused(
        lake,
        ("shop", ["missing:event_id"], json.dumps({"id": 1, **no}), 9),
        ("shop", ["not_of_use"], json.dumps({"id": 1, **yes}), 9),
        ("shop", ["malformed_json"], json.dumps({"id": 1, **no})[:-1], 9),
    )
    conf = "[sources.my_shop]\npath = 'shop'\ndialect = 'shopify'\n"
    configured = read(conf, environ={"TACTFUL_SECRET": "x" * 16})
    for facts in (status(lake, config=configured), status(lake)):
        told = [(group["type"], group["rows"]) for group in facts["refused"]["closing"]["groups"]]
        assert told == [("unsubscribed", 1), ("unsubscribed", 1)]


def test_json_over_several_lines_is_told_with_its_cause(lake):
    pieces = ("{", '  "event_id": "a",', " },", "]")
    write_refused(lake, *(("web", ["malformed_json"], raw, 9) for raw in pieces))
    (told,) = status(lake)["refused"]["in_pieces"]
    assert (told["source_name"], told["rows"], told["file"]) == ("my_web", 3, "web/9.json")
    assert "Source my_web: a line of it is only part of an object" in shown(lake)


def test_closing_words_that_protect_nobody_are_told(lake):
    columns = [(name, pa.string()) for name in ("person_id", "stream", "type", "event_id")]
    write(
        lake, "timeline", [*columns, ("line_number", pa.int32())],
        (None, "messages", "bounced", "m2", 0), ("p_1", "messages", "bounced", "m4", 0),
        (None, "messages", "bounced", "soft", 0), ("n_1", "profiles", "consent_withdrawn", "x", 0),
        (None, "messages", "sent", "m1", 0), (None, "messages", "complained", "shared", 0),
    )  # fmt: skip
    # This one names an address that somebody was seen with.
    evidence = [("evidence", pa.list_(pa.string()))]
    write(lake, "suppressions", evidence, (["messages:shared", "messages:other"],))
    write(
        lake, "messages", [(name, pa.string()) for name in ("type", "event_id", "bounce")],
        ("bounced", "soft", "soft"),
    )  # fmt: skip
    write(lake, "profiles", [(name, pa.string()) for name in ("event_id", "attribute")])
    nobody = status(lake)["refused"]["nobody"]
    assert nobody["rows"] == 2
    assert [row["type"] for row in nobody["types"]] == ["bounced", "consent_withdrawn"]
    assert (
        "Nobody is protected by 2 accepted rows that would close a channel, but name nobody who is "
        "known: 1 × bounced in messages; 1 × consent_withdrawn in profiles. Such as: messages:m2 "
        "names nobody who is known; profiles:x names only a device that is nobody's." in shown(lake)
    )


def test_why_a_closing_word_protects_nobody_is_told_of_three(lake):
    """One of each reason first, by its event: a value that was refused is personal data."""
    columns = [(name, pa.string()) for name in ("person_id", "stream", "type", "event_id")]
    why = {
        "a1": (["email:invalid"], [], []), "a2": (["email:invalid"], [], []),
        "b1": ([], [], ["k"]), "c1": ([], [], []), "d1": ([], ["h"], []),
    }  # fmt: skip
    write(
        lake, "timeline", [*columns, ("line_number", pa.int32())],
        *((None, "messages", "unsubscribed", name, 0) for name in why),
        ("p_1", "messages", "unsubscribed", "a0", 0),
    )  # fmt: skip
    lists = [(name, pa.list_(pa.string())) for name in
             ("identifier_reasons", "identifier_keys", "blocked_keys")]  # fmt: skip
    write(
        lake, "messages",
        [*((name, pa.string()) for name in ("type", "event_id", "bounce")), *lists],
        *(("unsubscribed", name, None, *told) for name, told in why.items()),
        ("unsubscribed", "a0", None, ["email:invalid"], ["k"], []),
    )  # fmt: skip
    write(lake, "profiles", [(name, pa.string()) for name in ("event_id", "attribute")])
    nobody = status(lake)["refused"]["nobody"]
    assert nobody["rows"] == 5
    assert [(row["event_id"], row["why"]) for row in nobody["examples"]] == [
        ("a1", "email:invalid"), ("b1", "a blocked value"), ("c1", "no identifier"),
    ]  # fmt: skip
    assert "Such as: messages:a1 names email:invalid; messages:b1 names a blocked" in shown(lake)


def test_failures_name_what_a_destination_refused(lake):
    refused = {"destination": "meta", "name": "2.json", "state": "rejected", "response": "400"}
    assert status(lake)["failures"]["deliveries"] == [refused]
    assert "meta took 8 records sent to it, and refused 3 (see delivery_rows)" in shown(lake)
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


def shown(lake) -> str:
    """The status as people see it."""
    console = Console(record=True, width=140, soft_wrap=True, file=open("/dev/null", "w"))  # noqa: SIM115
    for part in render(status(lake)):
        console.print(part)
    return console.export_text()


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
    with pytest.raises(LakeError, match="reads lakes on this machine only"):
        status("s3a://bucket/lake")


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
