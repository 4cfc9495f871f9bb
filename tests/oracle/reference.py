"""The reference rows that a retailer tells of: which rows can be used, which not, and why."""

from __future__ import annotations

import gzip
import json
import math
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from tests.oracle.blanks import trim
from tests.oracle.fields import CURRENCIES, NUMBER, Wrong, moment

MAX_PRICE = 10**12
MAX_RATE = 10**9
MAX_REPLENISH_DAYS = 3650
MAX_RAIN = 10_000
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
DAMAGED = b"This file was not read: it is damaged; put a whole one in its place."
Row = Mapping[str, Any] | str | bytes


def products(
    rows: Iterable[Row], *, max_row_bytes: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The newest good row of each product, and every row that is refused. Rows: oldest first."""
    return _sorted_out(rows, "products", ("sku",), _product, max_row_bytes)


def rates(
    rows: Iterable[Row], *, max_row_bytes: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The newest good row of each day and currency, and every row that is refused."""
    return _sorted_out(rows, "rates", ("day", "currency"), _rate, max_row_bytes)


def campaigns(
    rows: Iterable[Row], *, max_row_bytes: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The newest good row of each campaign, and every row that is refused."""
    return _sorted_out(rows, "campaigns", ("campaign_id",), _campaign, max_row_bytes)


def contents(
    rows: Iterable[Row], *, max_row_bytes: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The newest good row of each content and locale, and every row that is refused."""
    return _sorted_out(rows, "contents", ("content_id", "locale"), _content_of, max_row_bytes)


def context(
    rows: Iterable[Row], *, max_row_bytes: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The newest good row of each region and day, and every row that is refused."""
    return _sorted_out(rows, "context", ("region", "day"), _weather, max_row_bytes)


def _sorted_out(
    rows: Iterable[Row],
    table: str,
    key: tuple[str, ...],
    understand: Callable[[dict[str, Any]], tuple[dict[str, Any], set[str]]],
    max_row_bytes: int,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    good: dict[tuple[Any, ...], dict[str, Any]] = {}
    refused = []
    for row in rows:
        line = row if isinstance(row, bytes) else _text(row).encode()
        said, reasons = _read(line, max_row_bytes)
        told, wrong = ({}, set()) if said is None else understand(said)
        if reasons | wrong:
            refused.append(
                {
                    "stream": table,
                    "source_name": f"reference.{table}",
                    "event_id": None,
                    "raw": line.decode("utf-8", "replace"),
                    "reasons": reasons | wrong,
                }
            )
        else:
            good[tuple(told[name] for name in key)] = told
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


def _read(line: bytes, max_row_bytes: int) -> tuple[dict[str, Any] | None, set[str]]:
    """What a row says, whatever its table; None where that cannot be read."""
    reasons = set()
    try:
        line.decode()
    except UnicodeDecodeError:
        reasons.add("invalid_utf8")
    if len(line) > max_row_bytes:
        return None, {*reasons, "oversized"}
    try:
        said = json.loads(
            line.decode("utf-8", "replace"), parse_float=Decimal, parse_constant=_no_number
        )
    except ValueError:
        said = None
    if not isinstance(said, dict):
        return None, {*reasons, "malformed_json"}
    return said, reasons


def _product(said: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
    product = {name: _words(said.get(name)) for name in ("sku", "category", "brand")}
    reasons = {f"wrong_type:{name}" for name in product if isinstance(said.get(name), dict | list)}
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
    for name in ("complements", "seasons", "regions"):
        product[name], odd = _list(said, name)
        reasons |= odd
    own = said.get("attributes")
    beside = {n: v for n, v in said.items() if n not in {*product, "cost", "attributes"}}
    known = {**(own if isinstance(own, dict) else {}), **beside}
    product["attributes"] = {name: _words(value) for name, value in known.items()}
    product["cost"], wrong = _exact(said, "cost", "0.0001", lambda n: 0 <= n < MAX_PRICE)
    return product, reasons | wrong


def _weather(said: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
    told: dict[str, Any] = {name: _words(said.get(name)) for name in ("region", "day", "event")}
    reasons = {
        f"wrong_type:{name}"
        for name in ("region", "event")
        if isinstance(said.get(name), dict | list)
    }
    reasons |= {f"missing:{name}" for name in ("region", "day") if told[name] is None}
    told["day"], wrong = _day(told["day"])
    for name, least, most in (("temperature", -100, 100), ("rain", 0, MAX_RAIN)):
        try:
            told[name] = _number(said.get(name))
        except ValueError:
            wrong.add(f"wrong_type:{name}")
        else:
            is_within = told[name] is None or least <= told[name] <= most
            wrong |= set() if is_within else {f"out_of_bounds:{name}"}
    return told, reasons | wrong


def _day(text: str | None) -> tuple[date | None, set[str]]:
    if text is None:
        return None, set()
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date() if DAY.fullmatch(text) else None
    except ValueError:
        day = None
    return day, set() if day else {"wrong_type:day"}


def _rate(said: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
    day, code = _words(said.get("day")), (_words(said.get("currency")) or "").upper()
    reasons = {f"missing:{n}" for n in ("day", "currency", "rate") if _words(said.get(n)) is None}
    day, odd = _day(day)
    reasons |= odd
    if isinstance(said.get("currency"), dict | list):
        reasons.add("wrong_type:currency")
    elif code and code not in CURRENCIES:
        reasons.add("unknown_currency")
    rate, wrong = _exact(said, "rate", "0.00000001", lambda n: 0 < n < MAX_RATE)
    return {"day": day, "currency": code, "rate": rate}, reasons | wrong


def _campaign(said: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
    names = ("campaign_id", "goal", "target", "channel", "purpose", "topic")
    told, reasons = _offer(said, names)
    for name in ("starts_at", "ends_at"):
        try:
            naive = _words(said.get(name)) and moment(_words(said[name])).tzinfo is None
        except Wrong:
            naive = True
        reasons |= {f"wrong_type:{name}"} if naive else set()
    _, wrong = _exact(said, "budget", "0.0001", lambda n: 0 <= n < MAX_PRICE)
    try:
        share = _number(said.get("holdout_share"))
        wrong |= set() if share is None or 0 <= share <= 1 else {"out_of_bounds:holdout_share"}
    except ValueError:
        wrong.add("wrong_type:holdout_share")
    _, odd = _list(said, "variants")
    return told, reasons | wrong | odd


def _content_of(said: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
    told, reasons = _offer(said, ("content_id", "locale", "topic"))
    stands_for = said.get("stands_for")
    if not (isinstance(stands_for, dict) or _words(stands_for) is None):
        reasons.add("wrong_type:stands_for")
    return told, reasons


def _offer(said: dict[str, Any], names: tuple[str, ...]) -> tuple[dict[str, Any], set[str]]:
    """Texts, the first of which has to be told, and what is offered."""
    told: dict[str, Any] = {name: _words(said.get(name)) for name in names}
    reasons = {f"wrong_type:{name}" for name in names if isinstance(said.get(name), dict | list)}
    if told[names[0]] is None:
        reasons.add(f"missing:{names[0]}")
    for name in ("skus", "categories", "brands"):
        told[name], wrong = _list(said, name)
        reasons |= wrong
    flag = _words(said.get("offers_discount"))
    told["offers_discount"] = {"true": True, "false": False}.get(flag or "")
    if flag is not None and told["offers_discount"] is None:
        reasons.add("wrong_type:offers_discount")
    return told, reasons


def _list(said: Mapping[str, Any], name: str) -> tuple[list[str] | None, set[str]]:
    """A list of names, without entries that say nothing."""
    value = said.get(name)
    if not isinstance(value, list):
        return None, set() if value is None or _words(value) is None else {f"wrong_type:{name}"}
    if any(isinstance(entry, dict | list) for entry in value):
        return None, {f"wrong_type:{name}"}
    return [word for word in map(_words, value) if word is not None], set()


def _exact(
    said: Mapping[str, Any], name: str, places: str, is_within: Callable[[Decimal], bool]
) -> tuple[Decimal | None, set[str]]:
    """A number, rounded half up to these places; what no such number can hold is out of bounds."""
    value = said.get(name)
    text = None if value is None else _words(value)
    if text is None:
        return None, set()
    if not NUMBER.fullmatch(text):
        return None, {f"wrong_type:{name}"}
    try:
        number = Decimal(text).quantize(Decimal(places), ROUND_HALF_UP)
    except InvalidOperation:
        return None, {f"out_of_bounds:{name}"}
    return number, set() if is_within(number) else {f"out_of_bounds:{name}"}


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
