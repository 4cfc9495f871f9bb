"""How much memory a process and everything it started hold at once."""

from __future__ import annotations

import os
import threading
from pathlib import Path


class Peak:
    """The most memory that this process and all it started held at once."""

    def __enter__(self) -> Peak:
        self._most, self._over = 0, threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watcher.join()

    @property
    def gib(self) -> float:
        return self._most / 2**20

    def _watch(self) -> None:
        while not self._over.wait(0.5):
            self._most = max(self._most, resident_kib())


def resident_kib() -> int:
    """Resident memory of this process and its descendants, in KiB."""
    parents: dict[int, int] = {}
    size: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            lines = (entry / "status").read_text().splitlines()
        except OSError:
            continue
        told = dict(line.split(":", 1) for line in lines if ":" in line)
        parents[int(entry.name)] = int(told["PPid"])
        size[int(entry.name)] = int(told.get("VmRSS", "0 kB").split()[0])
    mine, total = {os.getpid()}, 0
    for pid in sorted(parents):
        if pid in mine or parents[pid] in mine:
            mine.add(pid)
            total += size[pid]
    return total
