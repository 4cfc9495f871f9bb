"""The products that a retailer tells of: which rows can be used, and which are refused, and why."""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.oracle.blanks import trim

MAX_PRICE = 10**12
MAX_REPLENISH_DAYS = 3650
DAMAGED = b"This file was not read: it is damaged; put a whole one in its place."
Row = Mapping[str, Any] | str | bytes


def products(
    rows: Iterable[Row], *, max_row_bytes: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The newest good row of each product, and every row that is refused. Rows: oldest first."""
    good: dict[str, dict[str, Any]] = {}
    refused = []
    for row in rows:
        line = row if isinstance(row, bytes) else _text(row).encode()
        product, reasons = _understand(line, max_row_bytes)
        if reasons:
            refused.append(
                {
                    "stream": "products",
                    "source_name": "reference.products",
                    "event_id": None,
                    "raw": line.decode("utf-8", "replace"),
                    "reasons": reasons,
                }
            )
        else:
            good[product["sku"]] = product
    return list(good.values()), refused


def lines_of(path: Path) -> list[bytes]:
    """The rows of all files below a path, oldest file first."""
    found = [*path.rglob("*.json"), *path.rglob("*.json.gz")] if path.is_dir() else [path]
    lines = [line for file in sorted(found, key=_age) for line in _content(file).split(b"\n")]
    return [line for line in lines if line.strip()]


def _content(file: Path) -> bytes:
    """What a file holds, unpacked; one that cannot be unpacked holds the one row that says so."""
    if file.suffix != ".gz":
        return file.read_bytes()
    try:
        return gzip.decompress(file.read_bytes())
    except (EOFError, OSError, zlib.error):
        return DAMAGED


def _age(file: Path) -> tuple[int, str]:
    return file.stat().st_mtime_ns // 1_000_000, str(file)


def _text(row: Mapping[str, Any] | str) -> str:
    return row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)


def _understand(line: bytes, max_row_bytes: int) -> tuple[dict[str, Any], set[str]]:
    reasons = set()
    try:
        line.decode()
    except UnicodeDecodeError:
        reasons.add("invalid_utf8")
    if len(line) > max_row_bytes:
        return {}, {*reasons, "oversized"}
    try:
        said = json.loads(
            line.decode("utf-8", "replace"), parse_float=Decimal, parse_constant=_no_number
        )
    except ValueError:
        said = None
    if not isinstance(said, dict):
        return {}, {*reasons, "malformed_json"}
    product = {name: _words(said.get(name)) for name in ("sku", "category", "brand")}
    reasons |= {f"wrong_type:{name}" for name in product if isinstance(said.get(name), dict | list)}
    if product["sku"] is None:
        reasons.add("missing:sku")
    for name, is_within in (
        ("price", lambda n: 0 <= n < MAX_PRICE),
        ("replenish_days", lambda n: 0 < n <= MAX_REPLENISH_DAYS),
    ):
        try:
            product[name] = _number(said.get(name))
        except ValueError:
            reasons.add(f"wrong_type:{name}")
        else:
            if product[name] is not None and not is_within(product[name]):
                reasons.add(f"out_of_bounds:{name}")
    return product, reasons


def _words(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool | dict | list):
        value = json.dumps(value, default=str)
    return trim(str(value)) or None


def _number(value: Any) -> float | None:
    if isinstance(value, str) and not trim(value):
        return None
    if isinstance(value, bool | dict | list):
        raise ValueError
    number = None if value is None else float(trim(value) if isinstance(value, str) else value)
    if number is not None and not math.isfinite(number):
        raise ValueError
    return number


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
