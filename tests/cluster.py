"""A standalone cluster on this machine: a master and workers from pyspark's own jars."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

import pyspark

HOME = Path(pyspark.__path__[0])
# One machine, one address: nothing here listens to anybody else.
SURROUNDINGS = {
    **{k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYSPARK_SUBMIT_ARGS")},
    "SPARK_HOME": str(HOME),
    "SPARK_LOCAL_IP": "127.0.0.1",
    "SPARK_DAEMON_MEMORY": "256m",
    "SPARK_MASTER_OPTS": "-Dspark.master.rest.enabled=false",
    "PYSPARK_PYTHON": sys.executable,
}
# What an executor has beside Spark and the archive of our code.
OF_AN_EXECUTOR = ("numpy", "scipy", "pyarrow")


class Cluster(NamedTuple):
    url: str
    page: str
    worker_logs: list[Path]
    workers: list[subprocess.Popen[bytes]]
    start: Callable[[], None]

    def kill_a_worker(self) -> None:
        """End the oldest worker and its executors, as a machine that breaks does."""
        os.killpg(self.workers.pop(0).pid, signal.SIGKILL)

    def applications(self) -> list[dict[str, object]]:
        """What the master tells of every application it has seen."""
        with urlopen(f"{self.page}/json/") as answer:
            told = json.load(answer)
        return [*told["activeapps"], *told["completedapps"]]


@contextmanager
def standalone(folder: Path, *, workers: int = 1, memory: str = "1g") -> Iterator[Cluster]:
    """Workers of one core each, and who tells them what to do; all of it is ended at the end."""
    running: list[subprocess.Popen[bytes]] = []

    def start(kind: str, log: Path, *arguments: str) -> subprocess.Popen[bytes]:
        command = [HOME / "bin/spark-class", f"org.apache.spark.deploy.{kind}.{kind.title()}"]
        usual = ["--host", "127.0.0.1", "--port", "0", "--webui-port", "0"]
        with log.open("wb") as file:
            process = subprocess.Popen(
                [*command, *usual, *arguments],
                env=SURROUNDINGS,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        running.append(process)
        return process

    try:
        log = folder / "master.log"
        master = start("master", log)
        url = _told(log, r"Starting Spark master at (spark://\S+)", master)
        port = _told(log, r"'MasterUI' on port (\d+)", master)
        place = ("--work-dir", str(folder / "work"))
        size = ("--cores", "1", "--memory", memory)
        logs: list[Path] = []
        begun: list[subprocess.Popen[bytes]] = []

        def start_worker() -> None:
            logs.append(folder / f"worker-{len(logs)}.log")
            begun.append(start("worker", logs[-1], *size, *place, url))

        for _ in range(workers):
            start_worker()
        for process, log in zip(begun, logs, strict=True):
            _told(log, "(Successfully registered with master)", process)
        yield Cluster(url, f"http://127.0.0.1:{port}", logs, begun, start_worker)
    finally:
        # A worker's executors are in its group.
        for process in reversed(running):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def bare_python(folder: Path) -> Path:
    """A Python as an executor may have it: no package but `OF_AN_EXECUTOR`, nor where ours lies."""
    packages = folder / "packages"
    packages.mkdir()
    for name in OF_AN_EXECUTOR:
        found = importlib.util.find_spec(name)
        place = Path(found.origin).parent
        for part in (place, place.with_name(f"{name}.libs")):
            if part.exists():
                (packages / part.name).symlink_to(part)
    python = folder / "python"
    # -S: without what is installed beside this Python.
    python.write_text(
        f'#!/bin/sh\nPYTHONPATH="$PYTHONPATH:{packages}" exec {sys.executable} -S "$@"\n'
    )
    python.chmod(0o755)
    return python


def _told(log: Path, pattern: str, process: subprocess.Popen[bytes]) -> str:
    """What a process writes of itself, once it has."""
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        found = re.search(pattern, log.read_text(errors="replace"))
        if found:
            return found.group(1)
        time.sleep(0.1)
    raise AssertionError(f"{pattern} was never told:\n{log.read_text(errors='replace')}")
