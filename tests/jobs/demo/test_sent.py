"""What the demo's exclusions become at the doubles, and what its report says of that."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256

from tactful.jobs.demo import sent
from tactful.jobs.report import page, pressure
from tactful.jobs.report.lake_view import open_lake
from tests.outboxes import OutboxLake, rows_of

AT = datetime(2018, 1, 2, 19, tzinfo=UTC)
NOWHERE = "http://127.0.0.1:1"


def test_the_report_tells_what_was_accepted_rejected_and_when_it_holds(tmp_path):
    lake = OutboxLake(tmp_path / "lake")
    people = [f"person{n}@example.com" for n in range(600)]
    for name, which in (("google_exclusions", "google"), ("meta_exclusions", "meta")):
        lake.add(name, which, NOWHERE)
        lake.batch(0, name, comes=people, size=500)
    lake.close()
    config = lake.config()
    entries = [{"name": one.name} for one in config.destinations]

    def config_with(told):
        by_name = {entry["name"]: entry for entry in told}
        assert all(entry["endpoint"] != NOWHERE for entry in told)
        chosen = tuple(one.model_copy(update={**by_name[one.name]}) for one in config.destinations)
        made = config.model_copy(update={"destinations": chosen})
        made._bases = config._bases
        return made

    turns = sent.send_to_doubles(config_with, entries, at=AT, on_progress=lambda _: None)
    refused = {name: turn["refused_records"] for name, turn in turns.items()}
    assert {turn["stopped"] for turn in turns.values()} == {None}
    # Both see the same hashes.
    some = sum(sha256(email.encode()).hexdigest().endswith("00") for email in people)
    assert some and refused == dict.fromkeys(sent.DOUBLES, some)
    assert {row["reason"] for row in rows_of(lake.folder, "delivery_rows")} == {"invalid"}
    with closing(open_lake(lake.folder)) as view:
        told = {one["destination"]: one["sent"] for one in pressure.destinations(view, config)}
        shown = (
            page.environment()
            .get_template("destinations_table.html.j2")
            .render(destinations=pressure.destinations(view, config), dropped=[])
        )
    # Two files each: one is busy once and told again without whom it refuses, one fails twice.
    assert some == 1 and {one["calls"] for one in told.values()} == {4}
    assert {one["accepted"] for one in told.values()} == {599}
    assert "it accepted 599 and rejected 1. All of it holds there by 3 Jan, 19:00." in shown
    assert "From when on that holds there its vendor does not document." in shown
