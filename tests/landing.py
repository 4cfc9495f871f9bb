"""Puts small worlds on disk: landing files in batches, reference tables, configuration."""

from __future__ import annotations

import gzip
import json
import os
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

Event = dict[str, Any] | str | bytes  # a canonical event, or a row as it stands in the file
Batch = dict[str, list[Event]]  # rows by source
# Where files lie and what they are called is no matter: each lands in another way.
PLACES = (
    "{}.json", "2026/11/{}.json", "day=2026-11-02/{}.json", "day=2026-11-02/hour=3/we:ird {}.json",
    "t 10:15/[{}].json", "ü/100% {}.json", "{}",
)  # fmt: skip
# What nobody reads: hidden, not finished, or without anything in it.
IDLE = (".{}.json", "_temporary/0/{}.json", "2026/.{}.json.crc", "{}.json._COPYING_")


REFERENCE = ("products", "rates", "contents", "campaigns", "context")


@dataclass(frozen=True)
class World:
    """A small retailer: what its sources say, its rules, the decision clock; reference rows."""

    events: dict[str, list[Event]]
    config: dict[str, Any]
    products: list[Event]
    as_of: datetime
    landed_at: datetime
    seed: int | None = None
    rates: list[Event] = field(default_factory=list)
    contents: list[Event] = field(default_factory=list)
    campaigns: list[Event] = field(default_factory=list)
    context: list[Event] = field(default_factory=list)

    @property
    def reference(self) -> dict[str, list[Event]]:
        """The rows of each reference table."""
        return {name: getattr(self, name) for name in REFERENCE}


def split(
    world: World, k: int = 1, *, seed: int = 0, splits: Sequence[Sequence[int]] | None = None
) -> list[Batch]:
    """Deal the rows out into batches in an order that has nothing to do with time.

    `splits` names the rows of each batch by their position over all sources, in their order;
    else they are shuffled by `seed` into `k` batches, some of which may be empty.
    """
    rows = [(source, row) for source, told in world.events.items() for row in told]
    if splits is None:
        dice = random.Random(seed)
        order = dice.sample(range(len(rows)), len(rows))
        cuts = sorted(dice.randrange(len(rows) + 1) for _ in range(k - 1))
        bounds = [0, *cuts, len(rows)]
        splits = [order[a:b] for a, b in pairwise(bounds)]
    batches = []
    for places in splits:
        batch: Batch = defaultdict(list)
        for place in places:
            source, row = rows[place]
            batch[source].append(row)
        batches.append(dict(batch))
    return batches


def land(
    batch: Batch, folder: Path, *, number: int, landed_at: datetime, is_plain: bool = False
) -> dict[str, list[Path]]:
    """Write one batch below `folder`/landing, one file a source (two where it has many rows).

    A file gets its time before it gets its name, so that no reader sees it half done. Each lies
    somewhere else below the source's folder, beside files that are none of its own; plain ones
    lie in the folder itself, and nothing else does.
    """
    written: dict[str, list[Path]] = {}
    for source, rows in batch.items():
        home = folder / "landing" / source
        home.mkdir(parents=True, exist_ok=True)
        place = sum(map(ord, source)) + number
        if not is_plain:
            _litter(home, IDLE[place % len(IDLE)].format(number))
        half = (len(rows) + 1) // 2 if len(rows) > 4 else len(rows)
        for part, told in enumerate((rows[:half], rows[half:])):
            if told:
                name = PLACES[0] if is_plain else PLACES[(place + part) % len(PLACES)]
                path = home / name.format(f"{number:03d}-{part}")
                path.parent.mkdir(parents=True, exist_ok=True)
                _write(path, b"".join(as_line(row) + b"\n" for row in told), landed_at)
                written.setdefault(source, []).append(path)
    return written


def write(
    world: World,
    folder: Path,
    *,
    k: int = 1,
    seed: int = 0,
    splits: Sequence[Sequence[int]] | None = None,
    is_plain: bool = False,
) -> list[dict[str, list[Path]]]:
    """Land all batches at once; what each one wrote, by source."""
    batches = split(world, k, seed=seed, splits=splits)
    return [
        land(batch, folder, number=n, landed_at=world.landed_at, is_plain=is_plain)
        for n, batch in enumerate(batches)
    ]


def write_conf(config: Mapping[str, Any], folder: Path, **reference: Iterable[Event]) -> Path:
    """Write the configuration and reference rows below `folder`; every path in it is absolute."""
    placed = {**config, "sources": {k: dict(v) for k, v in config["sources"].items()}}
    placed["lake"] = {**config.get("lake", {}), "location": str(folder / "lake")}
    for source in placed["sources"].values():
        source["path"] = str(folder / source["path"])
        Path(source["path"]).mkdir(parents=True, exist_ok=True)
    for name, told in reference.items():
        if rows := [as_line(row) for row in told]:
            home = folder / "reference" / name
            _put_reference(rows, home)
            table = {"format": "json", "path": str(home)}
            placed["reference"] = {**placed.get("reference", {}), name: table}
    path = folder / "tactful.toml"
    path.write_text(to_toml(placed), encoding="utf-8")
    return path


def _put_reference(rows: Sequence[bytes], home: Path) -> None:
    """Write rows, oldest first, to three files.

    Of several files the later has the later time, whatever its name; one is damaged.
    """
    home.mkdir(parents=True, exist_ok=True)
    half = len(rows) // 2
    # A copy that broke off takes nothing from the others.
    broken = gzip.compress(rows[0] * 100 + random.Random(0).randbytes(500), mtime=0)[:-300]
    told = {"b.json": rows[:half], "a.json": rows[half:], "c.json.gz": [broken]}
    for hour, (name, content) in enumerate(told.items(), 1):
        file = home / name
        file.write_bytes(b"".join(row + b"\n" for row in content))
        os.utime(file, (hour * 3600, hour * 3600))


def to_toml(table: Mapping[str, Any], above: tuple[str, ...] = ()) -> str:
    """A nested dictionary as TOML; JSON writes its plain values the same way."""
    plain, nested = [], []
    for key, value in table.items():
        name = ".".join((*above, key))
        if isinstance(value, Mapping):
            nested.append(f"[{name}]\n{to_toml(value, (*above, key))}")
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            nested += [f"[[{name}]]\n{to_toml(entry, (*above, key))}" for entry in value]
        elif value is not None:
            plain.append(f"{key} = {json.dumps(value, ensure_ascii=False)}\n")
    return "".join(plain) + "".join(nested)


def _litter(home: Path, name: str) -> None:
    """Leave a file that nobody reads, and one that nobody has written to yet."""
    junk = home / name
    junk.parent.mkdir(parents=True, exist_ok=True)
    junk.write_bytes(b'{"event_id": "never", "type": "page_view"}\n')
    (home / f"empty {name.replace('/', ' ')}").write_bytes(b"")


def as_line(row: Event) -> bytes:
    """A row as it stands in a file."""
    if isinstance(row, bytes):
        return row
    return (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)).encode()


def _write(path: Path, content: bytes, landed_at: datetime) -> None:
    hidden = path.with_name(f".{path.name}.tmp")
    hidden.write_bytes(content)
    os.utime(hidden, (landed_at.timestamp(), landed_at.timestamp()))
    hidden.rename(path)
