"""A lake on an object store: every command works there as it does on this machine's disk."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tactful.jobs import cli
from tactful.jobs.commands.tables_here import Tables, lake_here
from tactful.jobs.lake import lease, systems
from tactful.jobs.lake.lake import Lake
from tests.conftest import SECRET
from tests.faults.faulty import SCHEME, faulty_disk
from tests.landing import to_toml
from tests.s3 import a_place

ANN = [{"type": "customer_id", "value": "17"}, {"type": "email", "value": "ann@mail.example"}]
ORDERS = [
    {
        "event_id": f"o{number}", "type": "order_placed", "order_id": f"o{number}",
        "occurred_at": f"2026-01-0{number}T12:00:00Z", "identifiers": ANN,
        "lines": [{"sku": sku, "quantity": 1, "unit_price": 5}],
    }
    for number, sku in ((2, "mat"), (3, "ball"))
]  # fmt: skip
AT = ("--as-of", "2026-01-10T00:00:00Z")
COMPARED = ("timeline", "suppressions", "purchases", "identity")


class Elsewhere:
    """A shop whose lake and landing files lie on one store."""

    def __init__(self, spark: Any, root: str, folder: Path, **named: str) -> None:
        folder.mkdir(exist_ok=True)
        self.root, self.conf, self.lake = root, folder / "my.toml", Lake(spark, f"{root}/lake")
        self.conf.write_text(to_toml({
            "lake": {"location": f"{root}/lake", "secret": "env:TACTFUL_SECRET", **named},
            "sources": {"till": {"stream": "purchases", "path": f"{root}/landing"}},
            "suppress": [{"name": "bought_it", "when": "purchased", "match": "sku",
                          "lasts": "30d"}],
            "destinations": [{"name": "list", "kind": "file", "policy": "bought_it"}],
        }))  # fmt: skip

    def land(self, *events: dict[str, Any]) -> None:
        text = "".join(json.dumps(event) + "\n" for event in events)
        self.lake.store.write_text(f"{self.root}/landing/{events[0]['event_id']}.json", text)

    def asked(self, *command: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli.app, [*command, "--conf", str(self.conf)])
        return done.exit_code, done.stdout + done.stderr

    def told(self, *command: str) -> Any:
        code, said = self.asked(*command, "--json")
        assert code == 0, said
        return json.loads(next(line for line in said.splitlines() if line.startswith("{")))

    def rows(self, name: str) -> list[str]:
        """A table's rows, as a reading command sees them, without what differs from run to run."""
        tables = Tables(lake_here(self.lake.location))
        rows = tables.ask(f"SELECT * FROM {name}", name)
        assert not tables.damaged
        aside = ("landed_at", "ingested_at", "file", "source_position", "person_id")
        kept = [{k: v for k, v in row.items() if k not in aside} for row in rows]
        return sorted(json.dumps(row, default=str, sort_keys=True) for row in kept)


@pytest.fixture(
    params=["faulty", *(pytest.param(one, marks=pytest.mark.faults) for one in ("s3", "named"))]
)
def elsewhere(request, spark, tmp_path, monkeypatch) -> Elsewhere:
    monkeypatch.setenv("TACTFUL_SECRET", SECRET)
    if request.param == "named":
        schema = f"shop_{uuid.uuid4().hex[:8]}"
        request.addfinalizer(lambda: spark.sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE"))
        # That of the tests lives as long as the one session that all of them share.
        monkeypatch.setattr(systems, "is_kept", lambda _: True)
        named = {"catalog": "spark_catalog", "schema": schema}
        return Elsewhere(spark, str(tmp_path), tmp_path / "conf", **named)
    if request.param == "faulty":
        faulty_disk(spark, shorten=[])
        root = f"{SCHEME}:{tmp_path}"
    else:
        root = a_place(request.getfixturevalue("s3"))
    return Elsewhere(spark, root, tmp_path / "conf")


def test_every_command_works_on_a_lake_elsewhere(elsewhere, spark, tmp_path) -> None:
    code, said = elsewhere.asked("check")
    assert code == 0 and "sources.till.path" in said and "/landing" in said
    code, said = elsewhere.asked("run", *AT)
    assert code == 2 and "which does not exist" in said
    assert not elsewhere.lake.store.exists(elsewhere.lake.location), "nothing is written by then"

    elsewhere.land(ORDERS[0])
    assert elsewhere.told("run", *AT)["accepted_rows"] == 1
    elsewhere.land(ORDERS[1])
    facts = elsewhere.told("status")
    assert facts["lake"] == elsewhere.lake.location
    assert facts["failures"]["refused_by_run"] is None
    assert facts["files"]["till"]["waiting"] == 1 and facts["files"]["till"]["landed"] == 1
    assert facts["rows"]["suppressions"] == 1
    assert elsewhere.told("run", *AT)["accepted_rows"] == 1
    assert elsewhere.told("status")["files"]["till"]["seen"] == 2

    here = Elsewhere(spark, str(tmp_path / "here"), tmp_path / "other")
    for order in ORDERS:
        here.land(order)
        here.told("run", *AT)
    before = {name: elsewhere.rows(name) for name in COMPARED}
    assert all(before.values())
    assert before == {name: here.rows(name) for name in COMPARED}

    code, said = elsewhere.asked("explain", "customer_id:17")
    assert code == 0 and "mat" in said and "bought_it" in said
    assert elsewhere.asked("reconcile", "list")[0] == 0
    report = tmp_path / "report.html"
    assert elsewhere.asked("report", "--out", str(report))[0] == 0 and report.stat().st_size
    elsewhere.told("replay", "--from", "received", *AT)
    assert {name: elsewhere.rows(name) for name in COMPARED} == before
    elsewhere.lake.remember(identity_hash="another")
    code, said = elsewhere.asked("check")
    assert code == 2 and "stitched with" in said


def test_who_holds_a_lake_elsewhere_is_said_before_anything_is_written(elsewhere) -> None:
    """Two first runs at once: one of them has nothing to undo."""
    elsewhere.land(ORDERS[0])
    own = lease.Holder.new()._replace(who="ann on far, process 7", machine="far", seconds=60)
    place = f"{elsewhere.lake.location}/_lease/{1:020d}.json"
    assert elsewhere.lake.store.create_text(place, own.text())
    told = elsewhere.asked("check")
    assert told[0] == 0 and "ann on far, process 7; wait for it, or stop it." in told[1]
    second = own.text()
    assert elsewhere.lake.store.create_text(place.replace("1.json", "2.json"), second)

    def renews(*_: Any) -> None:
        elsewhere.lake.store.create_text(place.replace("1.json", "3.json"), second)

    with pytest.raises(lease.LakeHeld, match="ann on far"), elsewhere.lake.store.locked(renews):
        raise AssertionError("two hold it")
    names = elsewhere.lake.store.names(elsewhere.lake.location)
    assert names == ["_lease"]
