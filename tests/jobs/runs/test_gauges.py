"""Gauges of a run that goes on: seen by Spark's own servlet, and no others are on the board."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import pytest

from tactful.jobs.demo.doubles import DOUBLES, SECRET, served
from tactful.jobs.runs.gauges import Gauges, session_settings
from tactful.jobs.runs.lag import ACCEPTED
from tests.conftest import SECRET as LAKE_SECRET
from tests.jobs.quality.test_gate import CONFIG
from tests.jobs.test_plan import HOUR, NOON, agrees, carts, row
from tests.landing import World
from tests.product import Shop

PREFIX = "metrics_tactful_driver_AccumulatorSource_"
PATIENCE = 300


@pytest.fixture(scope="module")
def seen(tmp_path_factory) -> Mapping[str, float]:
    """What a run for ever shows: Una opted out, Ann left jeans in her cart five hours ago."""
    double, now = DOUBLES["webhook"](), datetime.now(UTC)
    ago = (now - NOON) / HOUR
    with served(double) as url:
        hook = {"name": "hook", "kind": "webhook", "policy": "unsubscribed", "deliver": "http",
                "endpoint": url, "allow_private": True, "credential": "env:HOOK",
                "identifiers": ["email"]}  # fmt: skip
        config = {**CONFIG, "destinations": [*CONFIG["destinations"], hook]}
        shop = Shop(World({}, config, [], now, now), tmp_path_factory.mktemp("gauges"))
        (shop.folder / "suites").mkdir()
        gone = row("una", ago - 1, "unsubscribed", channel="email", message_id="m")
        shop.land(
            {"web": carts("ann", hours=ago - 5), "crm": [agrees("ann")], "mail": [gone, gone]}
        )
        with Running(shop, port := free_port()):
            found = until_all_is_sent(port)
    assert double.held == {"una@x.io": 1} and not double.faults
    return found


@pytest.fixture(scope="module")
def board() -> Mapping[str, Any]:
    place = files("tactful.conf").joinpath("dashboards/tactful.json")
    return json.loads(place.read_text(encoding="utf-8"))


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


class Running:
    """The command `run --continuous` as a process of its own, asked to end in the end."""

    def __init__(self, shop: Shop, port: int) -> None:
        command = [
            sys.executable, "-m", "tactful.jobs.cli", "run", "--continuous", "1s",
            "--conf", str(shop.conf), "--set", f"metrics.port={port}",
        ]  # fmt: skip
        environ = {**os.environ, "TACTFUL_SECRET": LAKE_SECRET, "HOOK": SECRET}
        self.process = subprocess.Popen(
            command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def __enter__(self) -> subprocess.Popen[str]:
        return self.process

    def __exit__(self, *error: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0, (out, err)
        assert "gauges at http" in err


def until_all_is_sent(port: int) -> Mapping[str, float]:
    began = time.monotonic()
    found: dict[str, float] = {}
    while time.monotonic() - began < PATIENCE:
        with suppress(OSError):
            url = f"http://127.0.0.1:{port}/metrics/prometheus/"
            with urllib.request.urlopen(url, timeout=5) as answer:
                found = dict(told(answer.read().decode()))
        if found.get("sent_hook_accepted", 0) > 0 and found.get("fused_batches", 0) > 1:
            break
        time.sleep(0.5)
    return found


def told(text: str) -> Iterator[tuple[str, float]]:
    for name, value in re.findall(rf"^{PREFIX}(\w+)_Value\S* (\S+)$", text, flags=re.M):
        yield name, float(value)


@pytest.mark.faults
def test_each_says_what_the_run_did(seen):
    assert seen["accept_read_rows"] == 4 and seen["accept_accepted_rows"] == 3
    assert (seen["accept_duplicate_rows"], seen["accept_quarantined_rows"]) == (1, 0)
    assert seen["fused_read_rows"] == 3 and seen["fused_affected_persons"] >= 2
    assert seen["fused_batches"] > 1 and seen["fused_batch_seconds"] > 0
    assert seen["decisions_chosen"] >= 1 and seen["decisions_lost"] == 0
    assert seen["records_hook"] == 1 and seen["records_mailer"] == 1
    assert (seen["sent_hook_accepted"], seen["sent_hook_waiting"]) == (1, 0)
    assert (seen["sent_hook_refused_records"], seen["sent_hook_is_stopped"]) == (0, 0)
    now = time.time()
    for name in ("decided_as_of", "source_web_read_until", "source_mail_read_until"):
        assert 0 < now - seen[f"{name}_seconds"] < 2 * PATIENCE, name


@pytest.mark.faults
def test_the_board_names_only_what_was_seen_and_all_of_it(seen, board):
    shown: set[str] = set()
    for panel in board["panels"]:
        for target in panel["targets"]:
            shown |= names_in(target["expr"], seen)
    assert shown == set(seen)
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_a_sessions_own_source_shows_what_is_added(spark, read):
    config = read("[metrics]\nport = 4040\n[sources.web]\nstream = 'clicks'\npath = 'x'")
    gauges = Gauges(spark, config)
    gauges.caught_up({ACCEPTED: {"web": "1970-01-01T00:00:07+00:00"}})
    gauges.caught_up({ACCEPTED: {"web": "1970-01-01T00:00:09+00:00"}})
    metrics = spark.sparkContext._jsc.sc().env().metricsSystem()
    sources = metrics.getSourcesByName("AccumulatorSource")
    shown: dict[str, float] = {}
    for at in range(sources.size()):
        for name, gauge in sources.apply(at).metricRegistry().getGauges().items():
            shown[name] = gauge.getValue()
    assert shown["source_web_read_until_seconds"] == 9
    assert shown["fused_batches"] == 0 and "sent_hook_waiting" not in shown


def test_without_a_port_nothing_is_kept(spark, read):
    assert session_settings(read("")) == {}
    Gauges(spark, read("")).caught_up({ACCEPTED: {"web": "1970-01-01T00:00:07+00:00"}})


def names_in(expression: str, seen: Mapping[str, float]) -> set[str]:
    """The gauges that an expression is about; each that it names has to be one that was seen."""
    patterns = re.findall(r'__name__=~"([^"]+)"', expression)
    plain = re.findall(r"metrics_\w+", re.sub(r'"[^"]*"', "", expression))
    assert patterns or plain, expression
    found: set[str] = set()
    for name in (*plain, *patterns):
        mine = {one for one in seen if re.fullmatch(name, f"{PREFIX}{one}_Value")}
        assert mine, name
        found |= mine
    return found
