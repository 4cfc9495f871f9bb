"""G12: a changed rule reaches everybody, once, in parts, and no further than somebody agreed to."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tactful.jobs.commands.audience_status import orphaned_lines
from tactful.jobs.commands.status import render, status
from tactful.jobs.errors import DestinationMoved, TooManyRecords
from tactful.jobs.evidence import anew
from tactful.jobs.evidence.anew import Anew, next_part
from tactful.jobs.lake.lake import Lake
from tactful.jobs.runs import may_run
from tests.jobs.test_closings import ANN, BEN, BY_FAMILY, CONFIG, CY, FAMILY, TABLET, Told
from tests.landing import write_conf
from tests.oracle.compare import read_tables
from tests.product import DECIDING

LATER = {
    "name": "later", "kind": "file", "policy": "unsubscribed",
    "identifiers": ["customer_id", "email", "anonymous_id"],
}  # fmt: skip


def change(told: Told, destinations: list[dict[str, Any]], **lake: Any) -> None:
    config = {**CONFIG, "lake": {**CONFIG["lake"], **lake}, "destinations": destinations}
    told.shop.world.config.clear()
    told.shop.world.config.update(config)
    world = told.shop.world
    told.shop.conf = write_conf(config, told.shop.folder, **world.reference)


def held(told: Told) -> dict[str, set[str]]:
    known = read_tables(told.shop.lake, ["identifiers"])["identifiers"]
    names = {row["identifier_key"]: row["value"] for row in known}
    found: dict[str, set[str]] = {}
    for destination, key in told.shop.held():
        found.setdefault(destination, set()).add(names[key])
    return found


def would_tell(told: Told) -> dict[tuple[str, str], int]:
    """What a dry run says, at a time that the lake must not take for its own."""
    summary = told.shop.run(as_of=told.shop.world.as_of + timedelta(days=1), is_preview=True)
    assert summary.would_tell is not None
    assert {row["audience"] for row in summary.would_tell} <= {"unsubscribed"}
    return {(row["destination"], row["operation"]): row["records"] for row in summary.would_tell}


def parts(told: Told) -> list[str | None]:
    rows = read_tables(told.shop.lake, ["batches"])["batches"]
    mine = sorted((row["batch_id"], row["decided_anew"]) for row in rows if row["query"] == "fused")
    return [part for _, part in mine]


@pytest.mark.faults
def test_a_new_destination_gets_all_whom_it_is_about(spark, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(anew, "LABELS_A_PART", 3)
    told = Told(tmp_path)
    told.login(9, ANN, BY_FAMILY)
    told.login(9, BEN, BY_FAMILY)
    told.login(8, CY, TABLET)
    told.login(7, ANN, TABLET)
    told.mail("unsubscribed", 5, BY_FAMILY, channel="email")
    told.mail("unsubscribed", 5, TABLET, channel="sms")
    before = told.held()
    assert before == {"unsubscribed": {"ann", "ben", "cy", FAMILY}}
    assert parts(told) == [None]

    # Nothing comes; the destination is new.
    everybody = {"ann", "ben", "cy", FAMILY, "tablet"}
    change(told, [*CONFIG["destinations"], LATER], first_run_bound=4)
    with pytest.raises(TooManyRecords, match="5 to later records"):
        told.shop.run()
    assert "later" not in held(told) or held(told)["later"] != everybody
    facts = status(told.shop.lake, config=told.shop.config())
    assert "5 to later records" in facts["failures"]["held_back"]
    assert any("tactful run --confirm" in str(line) for line in render(facts))
    told.shop.run(is_confirmed=True)
    told.shop.assert_converged()
    assert held(told) == {**before, "later": everybody}
    assert status(told.shop.lake)["failures"]["held_back"] is None
    told_parts = [part for part in parts(told) if part]
    of = int(told_parts[-1].rpartition(" ")[2])
    assert of > 1
    assert told_parts == [f"{n} of {of}" for n in range(1, of + 1)]

    # Once is enough; what is retired forgets everybody.
    told.shop.run(told.shop.world.as_of + timedelta(hours=1), steps=DECIDING)
    assert parts(told)[-1] is None
    change(told, CONFIG["destinations"])
    (orphan,) = status(told.shop.lake, config=told.shop.config())["orphaned"]
    assert orphan == {"destination": "later", "audience": "unsubscribed", "values": 5}
    (line,) = orphaned_lines([orphan])
    assert "later holds 5 values of audience unsubscribed" in line
    change(told, [*CONFIG["destinations"], {**LATER, "policy": "complained"}])
    with pytest.raises(DestinationMoved, match="5 values, and its policy was unsubscribed and is"):
        told.shop.run()
    change(told, [*CONFIG["destinations"], {**LATER, "retired": True}])
    told.shop.run(told.shop.world.as_of + timedelta(hours=1), steps=DECIDING)
    assert held(told) == before
    change(told, CONFIG["destinations"])
    assert status(told.shop.lake, config=told.shop.config())["orphaned"] == []
    change(told, [*CONFIG["destinations"], {**LATER, "policy": "complained"}])
    may_run.refuse(Lake(None, str(told.shop.lake)), told.shop.config())


@pytest.mark.faults
def test_who_did_not_mean_it_goes_back(spark, tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.mail("unsubscribed", 5, ANN, channel="email")
    told.mail("unsubscribed", 5, BEN, channel="email")
    before = told.held()
    change(told, [*CONFIG["destinations"], LATER], first_run_bound=1)
    # What would be told, of what came and of what has changed, is told to nobody.
    assert would_tell(told) == {("later", "add"): 2}
    told.mail("unsubscribed", 4, CY, channel="email")
    told.shop.land(told.batch)
    told.batch = {}
    assert would_tell(told) == {("later", "add"): 3, ("unsubscribed", "add"): 1}
    assert held(told) == before
    with pytest.raises(TooManyRecords):
        told.shop.run()
    assert not (told.shop.lake / "outbox" / "later").exists()
    change(told, CONFIG["destinations"], first_run_bound=1)
    assert told.held() == {"unsubscribed": before["unsubscribed"] | {"cy"}}
    assert would_tell(told) == {}


def test_parts_follow_each_other_and_a_new_change_begins_again() -> None:
    def after(earlier: dict[str, Any] | None, rules: str = "a", **more: Any) -> Anew:
        given = {"labels": lambda: 900_000, "number": 7, "is_confirmed": False, **more}
        return next_part(earlier, rules=rules, **given)

    def pinned(one: Anew) -> dict[str, Any]:
        return {"anew": vars(one)}

    first = after(None)
    assert first.part is None
    assert after(pinned(first)).part is None
    taken = [after(pinned(first), "b", is_confirmed=True)]
    while taken[-1].part is not None:
        taken.append(after(pinned(taken[-1]), "b", number=8))
    assert [one.part for one in taken] == [0, 1, 2, None]
    assert [str(one) for one in taken[:-1]] == ["1 of 3", "2 of 3", "3 of 3"]
    assert {one.since for one in taken} == {7}
    assert all(one.is_confirmed for one in taken)
    again = after(pinned(taken[1]), "c", number=9)
    assert (again.part, again.parts, again.since, again.is_confirmed) == (0, 3, 9, False)
    # A lake of before says nothing of its rules, so they may have been others.
    assert after({"as_of": "…"}).part == 0
    assert after({"as_of": "…"}, labels=lambda: 0).part is None
