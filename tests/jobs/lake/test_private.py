"""G8: what is protected may be read by its owner alone, and raw contacts lie nowhere else."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from tactful.jobs.lake import private, scratch, spills
from tactful.jobs.lake.folding import fold_logs
from tactful.jobs.lake.lake import Lake
from tactful.schemas.catalog import TABLES
from tests.jobs.runs.test_pipeline import DAY, MONDAY, configured, put, run

RAW = {
    "customer_id": "Customer-4711-Mayer",
    "email": "Ann.Mayer@Example.com",
    "phone": "+44 20 7946 0958",
    "loyalty_id": "Loyal-Card-0815",
    "device_id": "6D92078A-8246-4BA4-AE5B-76104861E7DC",
    "anonymous_id": "cookie.1700000000.Mayer",
}
HASHED = hashlib.sha256(b"only.its.hash@example.com").hexdigest()
NORMALISED = {"email": "ann.mayer@example.com", "phone": "+442079460958"}
PROTECTED = {
    "_log/received", "_log/waiting", "clicks", "purchases", "messages", "profiles", "service",
    "quarantine", "identifiers", "manual_links", "records",
}  # fmt: skip


def destination(kind: str, **more: Any) -> dict[str, Any]:
    return {"name": kind, "kind": kind, "policy": "bought_it", **more}


DESTINATIONS = [
    destination("meta_custom_audience", audience_id="11"),
    destination("google_data_manager", audience_id="2", account={"account_id": "3"}),
    destination("file", identifiers=["email", "phone", "customer_id", "loyalty_id"]),
]


@pytest.fixture(scope="module")
def lake(spark, tmp_path_factory) -> Iterator[tuple[Path, set[int]]]:
    """A lake that was made, used, folded and published where everybody may read by default."""
    root = tmp_path_factory.mktemp("private")
    told = [{"type": kind, "value": value} for kind, value in RAW.items()]
    event = {
        "type": "order_placed", "occurred_at": MONDAY.isoformat(), "currency": "USD",
        "lines": [{"line_id": "1", "sku": "S1", "quantity": 1, "amount": 5}],
    }  # fmt: skip
    later = (MONDAY + 30 * DAY).isoformat()
    hashed = [{"type": "email_sha256", "value": HASHED}, told[0]]
    put(
        root, "shop", "1",
        {**event, "event_id": "1", "order_id": "1", "identifiers": told},
        {**event, "event_id": "2", "order_id": "2", "identifiers": hashed},
        {**event, "event_id": "3", "order_id": None, "identifiers": told},
    )  # fmt: skip
    put(root, "shop", "2", {**event, "event_id": "4", "order_id": "4", "identifiers": told})
    waits = {**event, "event_id": "5", "order_id": "5", "occurred_at": later, "identifiers": told}
    put(root, "shop", "3", waits)
    os.utime(root / "landing/shop/3.json", ((MONDAY + 31 * DAY).timestamp(),) * 2)
    modes: set[int] = set()
    left = root / "lake" / scratch.FOLDER / "left"

    def look(_: str) -> None:
        # What lay there before is the test's own until the lake is taken.
        if (root / "lake" / scratch.FOLDER).exists() and not left.exists():
            modes.add(mode_of(root / "lake" / scratch.FOLDER))

    umask = os.umask(0)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(scratch, "LARGE_BYTES", 0)
        try:
            config = configured(root, destinations=DESTINATIONS)
            left.mkdir(parents=True)
            run(config, as_of=MONDAY + DAY, on_progress=look)
            fold_logs(Lake(spark, str(root / "lake")), after=1)
            yield root / "lake", modes
        finally:
            os.umask(umask)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_schemas_say_what_is_protected() -> None:
    assert {table.id for table in TABLES.values() if table.is_protected} == PROTECTED


def test_what_is_protected_is_its_owners_alone(lake: tuple[Path, set[int]]) -> None:
    place, _ = lake
    closed = [place / TABLES[name].path for name in PROTECTED]
    closed += [place / "outbox", *(place / "outbox").iterdir()]
    for top in closed:
        assert mode_of(top) == private.FOLDER, top
        for path in top.rglob("*"):
            wanted = private.FOLDER if path.is_dir() else private.FILE
            assert mode_of(path) == wanted, path
    for told in DESTINATIONS:
        assert any((place / "outbox" / told["name"]).iterdir()), "an empty outbox proves nothing"
    for name in ("received", "waiting"):
        assert list((place / "_log" / name).glob("*.parquet"))


def test_what_is_not_protected_is_read_by_whom_the_umask_lets(lake: tuple[Path, set[int]]) -> None:
    place, _ = lake
    for table in TABLES.values():
        if not table.is_protected:
            for path in (place / table.path, *(place / table.path).rglob("*")):
                assert mode_of(path) & 0o044 == 0o044, path


def test_what_spills_is_private_and_goes(lake: tuple[Path, set[int]]) -> None:
    place, modes = lake
    assert modes == {private.FOLDER}
    assert not (place / scratch.FOLDER).exists()
    assert mode_of(Path(spills.folder())) == private.FOLDER
    assert mode_of(Path(spills.folder()).parent) == private.FOLDER


def forms(value: str, kind: str) -> set[bytes]:
    """A value as it may be told: as it came, normalised, and any plain hash of either."""
    plain = {value, value.lower(), value.strip(), NORMALISED.get(kind, value)}
    plain |= {NORMALISED.get(kind, value).lstrip("+"), value.replace(" ", "")}
    hashed: set[bytes] = set()
    for text in plain:
        for name in ("sha256", "md5", "sha1"):
            found = hashlib.new(name, text.encode())
            hashed |= {found.hexdigest().encode(), base64.b64encode(found.digest())}
    return {form.lower() for form in (*hashed, *(text.encode() for text in plain))}


def told_in(place: Path) -> Iterator[tuple[str, bytes]]:
    """All that a lake says where it is not protected: rows of tables, and any other file."""
    closed = [place / TABLES[name].path for name in PROTECTED]
    closed += (place / "outbox").iterdir()
    for table in TABLES.values():
        if not table.is_protected:
            rows = DeltaTable(str(place / table.path)).to_pyarrow_table().to_pylist()
            yield table.id, repr(rows).encode()
    for path in place.rglob("*"):
        if path.is_file() and not any(top in path.parents for top in closed):
            content = path.read_bytes()
            yield str(path), content
            if path.suffix == ".zip":
                with zipfile.ZipFile(io.BytesIO(content)) as packed:
                    yield from ((f"{path}!{name}", packed.read(name)) for name in packed.namelist())


def test_no_identifier_and_no_plain_hash_of_one_lies_elsewhere(lake: tuple[Path, set[int]]) -> None:
    place, _ = lake
    kept = DeltaTable(str(place / "identifiers")).to_pyarrow_table().to_pylist()
    held = repr(kept).encode().lower()
    for kind, value in {**RAW, "email_sha256": HASHED}.items():
        assert any(form in held for form in forms(value, kind)), f"{kind} is not even held"
    sent = b"".join(p.read_bytes() for p in (place / "outbox").rglob("*") if p.is_file()).lower()
    for kind in ("email", "phone"):
        assert any(form in sent for form in forms(RAW[kind], kind)), f"{kind} is not even sent"
    unwanted = {form for kind, value in RAW.items() for form in forms(value, kind)}
    unwanted |= {HASHED.encode(), hashlib.sha256(HASHED.encode()).hexdigest().encode()}
    for name, content in told_in(place):
        found = [form for form in unwanted if form in content.lower()]
        assert not found, name


def test_a_process_clears_what_the_dead_have_left(tmp_path: Path) -> None:
    """And leaves alone what a living one has laid aside."""
    program = (
        "import os, sys, time\n"
        "from tactful.jobs.lake import spills\n"
        "print(spills.folder(), flush=True)\n"
        "if sys.argv[1] == 'dies': os._exit(9)\n"
        "if sys.argv[1] == 'lives': sys.stdin.read()\n"
    )

    def start(what: str) -> tuple[subprocess.Popen[str], Path]:
        process = subprocess.Popen(
            [sys.executable, "-c", program, what],
            env={**os.environ, "TMPDIR": str(tmp_path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return process, Path(process.stdout.readline().strip())

    living, theirs = start("lives")
    dead, left = start("dies")
    dead.wait()
    assert left.exists()
    ending, own = start("ends")
    ending.wait()
    assert theirs.exists()
    assert not left.exists()
    assert not own.exists(), "whoever ends takes away what is theirs"
    living.communicate("")
    assert not theirs.exists()
