"""Landing in rounds: what several sources bring at the same time is one commit."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tactful.jobs import land
from tactful.jobs.errors import StepFailed
from tactful.jobs.lake import Lake, Part
from tactful.jobs.land import Round, round_of
from tactful.jobs.session import small_frame
from tactful.schemas.intake import RECEIVED
from tests import worlds
from tests.product import Shop

SOURCES = ("web", "shop", "esp")


@pytest.fixture
def lake(spark, tmp_path: Path) -> Lake:
    return Shop(worlds.make(3), tmp_path).empty_lake(spark)


def part(lake: Lake, source: str, version: int = 0) -> Part:
    row = {"stream": "clicks", "source_name": source, "raw": "{}", "reasons": []}
    frame = RECEIVED.conform(small_frame(lake.spark, [row], RECEIVED.struct()))
    return Part(frame.toArrow(), source, version)


class Sources:
    """Sources that bring rows, a thread each; what goes wrong in one is kept."""

    def __init__(self, together: Round, parts: list[Part]) -> None:
        self.together, self.went_wrong = together, []
        self._threads = [threading.Thread(target=self._bring, args=(p,)) for p in parts]
        for thread in self._threads:
            thread.start()

    def _bring(self, part: Part) -> None:
        try:
            self.together.bring(part)
        except Exception as error:
            self.went_wrong.append(error)

    def until_over(self, look: Callable[[], Any]) -> None:
        for _ in range(500):
            look()
            for thread in self._threads:
                thread.join(0.01)
            if not any(thread.is_alive() for thread in self._threads):
                return
        raise AssertionError("A source still waits.")


def at_work(*names: str) -> list[Any]:
    return [SimpleNamespace(id=name) for name in names]


def landed(lake: Lake) -> list[str]:
    return sorted(row.source_name for row in lake.read(RECEIVED).collect())


def test_what_all_sources_bring_is_one_commit_and_a_repeat_is_none(lake: Lake) -> None:
    before = lake.version(RECEIVED)
    together = Round(lake, {})
    sources = Sources(together, [part(lake, name) for name in SOURCES])
    sources.until_over(lambda: together.look(at_work(*SOURCES)))
    assert (sources.went_wrong, landed(lake)) == ([], sorted(SOURCES))
    assert lake.version(RECEIVED) == before + 1
    # One was killed before it could write down that its batch is done; beside it comes a new one.
    again = Round(lake, {})
    repeated = Sources(again, [part(lake, "web"), part(lake, "shop", 1)])
    repeated.until_over(lambda: again.look(at_work("web", "shop")))
    assert (repeated.went_wrong, landed(lake)) == ([], sorted([*SOURCES, "shop"]))


def test_nobody_waits_for_a_source_that_has_ended(lake: Lake) -> None:
    together = Round(lake, {})
    sources = Sources(together, [part(lake, "web")])
    together.look(at_work("web", "shop"))
    assert landed(lake) == []
    sources.until_over(lambda: together.look(at_work("web")))
    assert landed(lake) == ["web"]


def test_a_commit_that_fails_fails_every_source_and_is_made_good(lake: Lake, monkeypatch) -> None:
    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    together = Round(lake, {})
    with monkeypatch.context() as patch:
        patch.setattr(lake, "append", full)
        sources = Sources(together, [part(lake, name) for name in SOURCES])
        sources.until_over(lambda: together.look(at_work(*SOURCES)))
    assert [type(error) for error in sources.went_wrong] == [OSError] * 3
    assert landed(lake) == []
    again = Round(lake, {})
    repeated = Sources(again, [part(lake, name) for name in SOURCES])
    repeated.until_over(lambda: again.look(at_work(*SOURCES)))
    assert landed(lake) == sorted(SOURCES)


def test_a_run_that_stops_leaves_nobody_waiting(lake: Lake) -> None:
    together = Round(lake, {})
    sources = Sources(together, [part(lake, "web")])
    sources.until_over(together.give_up)
    assert [type(error) for error in sources.went_wrong] == [StepFailed]
    assert landed(lake) == []


def test_a_file_too_large_for_this_process_is_no_round(spark, tmp_path: Path, monkeypatch) -> None:
    shop = Shop(worlds.make(3), tmp_path)
    lake, config = shop.empty_lake(spark), shop.config()
    shop.land_all(1)
    now = time.time()
    plain = round_of(lake, config, since=now - 60)
    assert plain and plain.bounds == dict.fromkeys(config.sources, land.ROUND_BYTES)
    packed = Path(config.path(config.sources["web"].path)) / "more.json.gz"
    packed.write_bytes(gzip.compress(b""))
    unfolding = round_of(lake, config, since=now - 60)
    assert unfolding and unfolding.bounds == {**plain.bounds, "web": land.PACKED_BYTES}
    with monkeypatch.context() as patch:
        patch.setattr(land, "PACKED_BYTES", 1)
        assert round_of(lake, config, since=now - 60) is None
    packed.unlink()
    monkeypatch.setattr(land, "ROUND_BYTES", 1)
    assert round_of(lake, config, since=now - 60) is None
    assert isinstance(round_of(lake, config, since=now + 60), Round), "it has landed long ago"
    shared = Lake(spark, "s3a://bucket/lake")
    assert round_of(shared, config, since=now + 60) is None
