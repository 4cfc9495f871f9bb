"""A gate that is closed: what waits behind it, what does not, and how it opens again."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tactful.jobs import cli
from tactful.jobs.demo.doubles import DOUBLES, SECRET, served
from tactful.jobs.runs import gate
from tests.jobs.test_plan import HOUR, LIVE, NOON, agrees, carts, lines, row
from tests.landing import World
from tests.product import Shop

CONFIG: dict[str, Any] = {
    "sources": {
        "web": {"stream": "clicks", "path": "landing/web"},
        "mail": {"stream": "messages", "path": "landing/mail"},
        "crm": {"stream": "profiles", "path": "landing/crm"},
    },
    "activate": [
        {"name": "cart", "when": "cart_abandoned", "after": "4h", "channels": ["email"], **LIVE},
    ],
    "destinations": [{"name": "mailer", "kind": "file", "policy": "cart"}],
    "quality": {"suites": "suites"},
}
SUITE = """
[[expect]]
table = "clicks"
type = "expect_column_values_to_be_in_set"
column = "sku"
value_set = ["{sku}"]
"""


class Told:
    """The command in a shop's folder: exit code, and what it said on the side."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def __call__(self, *words: str, hold: str, hours: float | None = None) -> tuple[int, str]:
        options = ["--conf", str(self.shop.conf), "--set", f"quality.hold={hold}"]
        if hours is not None:
            options += ["--as-of", (NOON + hours * HOUR).isoformat()]
        told = CliRunner().invoke(cli.app, [*words, *options])
        return told.exit_code, told.stderr

    def expect(self, sku: str) -> None:
        (self.shop.folder / "suites").mkdir(exist_ok=True)
        (self.shop.folder / "suites/web.toml").write_text(SUITE.format(sku=sku))


@pytest.mark.faults
def test_a_gate_that_fails_stops_delivery_until_it_is_mended(spark, tmp_path: Path, monkeypatch):
    """Una opted out, Ann left jeans in her cart, and of clicks it is expected that all are mats."""
    pytest.importorskip("great_expectations")
    monkeypatch.setenv("HOOK", SECRET)
    double = DOUBLES["webhook"]()
    with served(double) as url:
        hook = {"name": "hook", "kind": "webhook", "policy": "unsubscribed", "deliver": "http",
                "endpoint": url, "allow_private": True, "credential": "env:HOOK",
                "identifiers": ["email"]}  # fmt: skip
        config = {**CONFIG, "destinations": [*CONFIG["destinations"], hook]}
        shop = Shop(World({}, config, [], NOON, NOON + timedelta(days=9)), tmp_path)
        told = Told(shop)
        gone = row("una", 0, "unsubscribed", channel="email", message_id="m")
        shop.land({"web": carts("ann"), "crm": [agrees("ann")], "mail": [gone]})
        told.expect("mat")

        code, said = told("run", "--quality", hold="sending", hours=1)
        assert code == 3, said
        assert "1 critical expectation not met, first expect_column_values_to_be_in_set of sku" in (
            said
        )
        assert (
            'By quality.hold = "sending" nothing new is said and nothing is sent while table clicks'
            " fails"
        ) in said
        # What was found stays known: no later run, and no sender, goes past it.
        code, said = told("run", hold="sending", hours=5)
        assert code == 3, said
        assert lines(shop, "mailer") == [] and told("send", hold="sending")[0] == 3
        assert double.asked == []
        status = CliRunner().invoke(
            cli.app, ["status", "--conf", str(shop.conf), "--set", "quality.hold=sending"]
        )
        assert "critical: clicks: expect_column_values_to_be_in_set of sku (web.toml)" in (
            status.stdout
        )
        assert "nothing is sent while table clicks fails" in status.stdout
        assert "Nothing new was said by the last batch: clicks failed" in status.stdout

        # Where speech alone waits, who is not to be written to is told.
        code, said = told("run", hold="speech", hours=6)
        assert code == 3, said
        assert double.held == {"una@x.io": 1} and lines(shop, "mailer") == []

        told.expect("jeans")
        code, said = told("quality", "clicks", hold="speech")
        assert code == 0, said
        code, said = told("run", hold="speech", hours=7)
        assert code == 0, said
        assert [line["address"] for line in lines(shop, "mailer")] == ["ann@x.io"]
    assert not double.faults


def test_a_gate_holds_what_it_was_told_to(read):
    state = {gate.STATE: {"clicks": "b of c", "orders": "d of e"}}
    config = {name: read(f"[quality]\nhold = '{name}'") for name in ("nothing", "speech")}
    assert gate.held(state, config["nothing"]) is None
    assert gate.held({}, config["speech"]) is None
    assert "while table clicks (and orders) fails b of c" in gate.held(state, config["speech"])
    assert gate.stops_sending(state, config["speech"]) is None
    assert read("").quality.hold == "nothing"
    assert read("").hash == config["speech"].hash, "what waits is no decision"


class Lake:
    """A lake that is its state alone."""

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}

    def state(self) -> dict[str, Any]:
        return json.loads(json.dumps(self.told))

    def remember(self, **facts: Any) -> None:
        self.told |= facts


def test_a_table_that_was_not_looked_at_stays_as_it_was(read):
    lake = Lake()
    gate.note(lake, ["clicks", "purchases"], {"clicks": "x", "purchases": "y"})
    gate.note(lake, ["clicks"], {})
    assert gate.failing(lake.state()) == {"purchases": "y"}
    assert gate.tables_that_silence(lake, read("[quality]\nhold = 'speech'")) == ["purchases"]
    assert gate.tables_that_silence(lake, read("")) == []
