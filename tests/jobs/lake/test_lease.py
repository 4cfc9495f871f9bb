"""One writer at a time on any store: who holds a lake, who waits, and who has lost it (G11)."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import pytest

from tactful.jobs.errors import LakeHeld, LeaseLost
from tactful.jobs.lake import lease
from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.local_files import LocalFiles

HOLDS = """
import sys, time
from tactful.jobs.lake import lease
from tactful.jobs.lake.local_files import LocalFiles
lease.SECONDS = float(sys.argv[2])
files = LocalFiles(sys.argv[1])
with files.locked():
    print("held", flush=True)
    if len(sys.argv) > 3:
        def fails(path, text):
            raise OSError("the store is away")
        files.create_text = fails
    time.sleep(600)
"""


@pytest.fixture
def another(tmp_path):
    """Starts a process that holds a lake."""
    running = []

    def start(*more: str) -> subprocess.Popen:
        command = [sys.executable, "-c", HOLDS, str(tmp_path / "lake"), *more]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        running.append(subprocess.Popen(command, **pipes))
        assert running[-1].stdout.readline() == "held\n"
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


def elsewhere(files: LocalFiles, number: int, *, seconds: float, is_over: bool = False) -> None:
    """What a run on another machine writes."""
    own = lease.Holder.new()._replace(
        who="ann on far, process 7", machine="far", since="2026-01-02T03:04:05+00:00",
        seconds=seconds,
    )  # fmt: skip
    place = f"{files.location}/_lease/{number:020d}.json"
    assert files.create_text(place, own.text(is_over=is_over))


def numbers(files: LocalFiles) -> list[int]:
    return [int(name[:20]) for name in files.names(f"{files.location}/_lease")]


def test_who_holds_a_lake_is_said_in_one_line(another, tmp_path: Path) -> None:
    process, files = another("60"), LocalFiles(str(tmp_path / "lake"))
    with pytest.raises(LakeHeld) as refused, files.locked():
        raise AssertionError("two hold it")
    said = str(refused.value)
    assert said.startswith(f"Another run holds the lake at {files.location} since 20")
    assert f"process {process.pid}; wait for it, or stop it." in said and "\n" not in said
    assert files.holder().who.endswith(f"process {process.pid}")
    process.kill()
    process.wait()
    assert files.holder() is None
    with files.locked():
        assert files.holder() is not None
    assert files.holder() is None
    assert len(numbers(files)) == 1, "what newer numbers have outdone goes"


def test_one_that_was_killed_here_is_followed_at_once(another, tmp_path: Path) -> None:
    process = another("600")
    process.kill()
    process.wait()
    began = time.monotonic()
    with LocalFiles(str(tmp_path / "lake")).locked():
        assert time.monotonic() - began < 5


def test_one_of_another_machine_is_waited_for_until_its_time_is_over(tmp_path: Path) -> None:
    files, said = LocalFiles(str(tmp_path / "lake")), []
    elsewhere(files, 3, seconds=1.5)
    began = time.monotonic()
    assert files.holder().who == "ann on far, process 7"
    with files.locked(said.append):
        assert time.monotonic() - began > 1
        assert numbers(files) == [4]
    assert "held since 2026-01-02T03:04:05+00:00: ann on far, process 7" in said[0]
    elsewhere(files, 6, seconds=600, is_over=True)
    with files.locked():
        assert numbers(files) == [7]


def test_one_of_another_machine_that_renews_keeps_the_lake(tmp_path: Path) -> None:
    files = LocalFiles(str(tmp_path / "lake"))
    elsewhere(files, 1, seconds=600)
    later = Thread(target=lambda: (time.sleep(1), elsewhere(files, 2, seconds=600)))
    later.start()
    with pytest.raises(LakeHeld, match="since 2026-01-02T03:04:05"), files.locked():
        raise AssertionError("two hold it")
    later.join()


def test_whoever_lost_the_lake_writes_nothing_more(tmp_path: Path) -> None:
    """As after a stop of the whole machine, behind which another one took over."""
    lake = Lake(None, str(tmp_path / "lake"))
    with lake.store.locked():
        lake.remember(format_version=0, sources="mine")
        elsewhere(lake.store, numbers(lake.store)[-1] + 1, seconds=600)
        with pytest.raises(LeaseLost, match=r"was taken by another run since .*ann on far"):
            lake.remember(sources="lost")
    assert json.loads((tmp_path / "lake/_lake.json").read_text())["sources"] == "mine"
    assert lake.store.holder().machine == "far", "what is another's is not given back"


@pytest.mark.parametrize("how", ["taken", "away"])
def test_a_holder_that_cannot_renew_ends_itself(another, tmp_path: Path, how: str) -> None:
    process = another("3", *(["fails"] if how == "away" else []))
    files, began = LocalFiles(str(tmp_path / "lake")), time.monotonic()
    if how == "taken":
        elsewhere(files, numbers(files)[-1] + 1, seconds=600)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert time.monotonic() - began < 3
    told = {"taken": "was taken by another run", "away": "could not be renewed in time"}
    assert told[how] in said and said.count("\n") == 1, said


def test_it_is_renewed_for_as_long_as_it_is_held(tmp_path: Path, monkeypatch) -> None:
    files = LocalFiles(str(tmp_path / "lake"))
    monkeypatch.setattr(lease, "RENEWALS", 1000)
    with files.locked():
        first = numbers(files)[-1]
        time.sleep(1)
        files.confirm()
        now = numbers(files)
    assert now[-1] > first + 1 and len(now) <= 3


def test_what_two_change_of_a_lake_at_once_both_stays(tmp_path: Path) -> None:
    """The state is compared and swapped, so nobody writes over what they have not seen."""
    lakes = [Lake(None, str(tmp_path / "lake")) for _ in range(2)]
    lakes[0].remember(format_version=0)

    def count(lake: Lake, name: str) -> None:
        for number in range(40):
            lake.remember(**{name: number})

    threads = [
        Thread(target=count, args=(lake, name)) for lake, name in zip(lakes, "ab", strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    state = json.loads((tmp_path / "lake/_lake.json").read_text())
    assert (state["a"], state["b"]) == (39, 39)
