"""Product against oracle, row by row, up to a one-to-one renaming of persons."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Set
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tactful.schemas.catalog import PUBLISHED
from tactful.schemas.table import Column, Table

Row = Mapping[str, Any]
Tables = Mapping[str, Iterable[Row]]

TABLES = tuple(table.name for table in PUBLISHED)
# The last digits of a power differ between programs, and rounded it would differ at a tie.
CLOSE = 1e-9
SHOWN = 40  # differences shown before the rest is only counted
IGNORED = {"suppression_id"}
AS_OF = "as_of"
# Without their id, two suppressions are one if they agree on all this; the rest is compared.
KEYS = {
    "suppressions": (
        "person_id", "policy", "channels", "scope", "starts_at", "evidence",
    ),
}  # fmt: skip


def assert_same(product: Tables, oracle: Tables) -> None:
    """Fail with a readable list of differences unless every table of the oracle is the product's.

    Tables that the product does not give are differences too; give the oracle only those to check.
    """
    found = differences(product, oracle)
    if found:
        rest = f"\n… and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise AssertionError(f"{len(found)} differences\n" + "\n".join(found[:SHOWN]) + rest)


def assert_same_quarantine(product: Iterable[Row], oracle: Iterable[Row]) -> None:
    """Fail unless the same rows were refused for the same sets of reasons."""
    ours, theirs = Counter(map(_refused, product)), Counter(map(_refused, oracle))
    lines = [f"only the product refuses {row}" for row in (ours - theirs).elements()]
    lines += [f"only the oracle refuses {row}" for row in (theirs - ours).elements()]
    if lines:
        raise AssertionError(f"{len(lines)} differences\n" + "\n".join(sorted(lines)[:SHOWN]))


def assert_same_audiences(product: Set[tuple[str, str]], oracle: Set[tuple[str, str]]) -> None:
    """Fail unless the same destinations hold the same identifiers."""
    lines = [f"only the product holds {key} at {at}" for at, key in product - oracle]
    lines += [f"only the oracle holds {key} at {at}" for at, key in oracle - product]
    if lines:
        told = "\n".join(sorted(lines)[:SHOWN])
        raise AssertionError(f"{len(lines)} differences, (destination, identifier_key)\n{told}")


def read_tables(lake: Path, names: Iterable[str] = TABLES) -> dict[str, list[dict[str, Any]]]:
    """The published tables of a local lake, as rows."""
    from deltalake import DeltaTable

    return {name: DeltaTable(str(lake / name)).to_pyarrow_table().to_pylist() for name in names}


def differences(product: Tables, oracle: Tables) -> list[str]:
    """Every difference as a line: table, key, column, product, oracle."""
    schemas = {table.name: table for table in PUBLISHED if table.name in oracle}
    missing = [f"{name}: the product has no such table" for name in schemas if name not in product]
    schemas = {name: schema for name, schema in schemas.items() if name in product}
    ours = {name: _plain(product[name], schema) for name, schema in schemas.items()}
    theirs = {name: _plain(oracle[name], schema) for name, schema in schemas.items()}
    names, clashes = renaming(ours.get("identity", []), theirs.get("identity", []))
    found = missing + clashes
    for name, schema in schemas.items():
        renamed = [_rename(row, names) for row in theirs[name]]
        found += _differences(schema, ours[name], renamed)
    return found


def renaming(product: Iterable[Row], oracle: Iterable[Row]) -> tuple[dict[str, str], list[str]]:
    """The product's id for each of the oracle's persons, and where that is not one to one."""
    theirs = {row["identifier_key"]: row["person_id"] for row in oracle}
    there, back = defaultdict(set), defaultdict(set)
    for row in product:
        other = theirs.get(row["identifier_key"])
        if row["person_id"] is not None and other is not None:
            there[other].add(row["person_id"])
            back[row["person_id"]].add(other)
    clashes = [
        f"identity: the oracle's {one} is {sorted(many)} in the product"
        for one, many in sorted(there.items())
        if len(many) > 1
    ] + [
        f"identity: the product's {one} is {sorted(many)} in the oracle"
        for one, many in sorted(back.items())
        if len(many) > 1
    ]
    return {one: min(many) for one, many in there.items()}, clashes


def plain(value: Any, kind: str = "") -> Any:
    """A value as the standard library holds it, whatever library it was read with."""
    if hasattr(value, "to_pydatetime"):  # pandas: Timestamp, NaT
        value = None if value != value else value.to_pydatetime()
    elif hasattr(value, "tolist") and not isinstance(value, list):  # numpy
        value = value.tolist()
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC)
    if kind.startswith("map<") and isinstance(value, list | tuple):
        value = dict(value)
    if isinstance(value, Mapping):
        return {key: plain(at) for key, at in value.items()}
    if isinstance(value, list | tuple):
        return [plain(at) for at in value]
    return value


def _plain(rows: Iterable[Row], schema: Table) -> list[dict[str, Any]]:
    columns = _compared(schema)
    return [{c.name: plain(row.get(c.name, "(no such column)"), c.type) for c in columns}
            for row in rows]  # fmt: skip


def _compared(schema: Table) -> list[Column]:
    """What must be alike; what depends on the clock only of rows worked out at one moment."""
    is_dated = AS_OF in schema.names
    return [c for c in schema.columns if c.name not in IGNORED and (is_dated or not c.clock)]


def _at_one_moment(schema: Table, row: Row, other: Row) -> Iterable[str]:
    """The columns in which two rows of one key must be alike."""
    if row.get(AS_OF) == other.get(AS_OF):
        return row
    clocked = {c.name for c in schema.columns if c.clock}
    return [name for name in row if name not in clocked]


def _refused(row: Row) -> tuple[str, str, str, tuple[str, ...]]:
    reasons = tuple(sorted(set(plain(row["reasons"]))))
    return row["stream"], row["source_name"], row["raw"][:200], reasons


def _rename(row: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    person_id = row.get("person_id")
    return {**row, "person_id": names.get(person_id, person_id)} if person_id else row


def _differences(schema: Table, product: list[Row], oracle: list[Row]) -> list[str]:
    key = KEYS.get(schema.name, schema.key)
    ours, theirs = _by_key(product, key), _by_key(oracle, key)
    found = []
    for at in sorted(ours.keys() | theirs.keys()):
        mine, other = ours.get(at, []), theirs.get(at, [])
        if len(mine) != len(other):
            about = f"{len(mine)} rows in the product, {len(other)} in the oracle"
            found.append(f"{schema.name}[{at}]: {about}\n    {(mine or other)[0]}")
            continue
        for row, wanted in zip(mine, other, strict=True):
            found += [
                f"{schema.name}[{at}].{name}: product {_show(row[name])}, "
                f"oracle {_show(wanted[name])}"
                for name in _at_one_moment(schema, row, wanted)
                if not _same(row[name], wanted[name])
            ]
    return found


def _same(value: Any, wanted: Any) -> bool:
    """Whether two values are one, doubles up to `CLOSE`, wherever in lists and structs they are."""
    if isinstance(value, float) and isinstance(wanted, float):
        return abs(value - wanted) <= CLOSE
    if isinstance(value, Mapping) and isinstance(wanted, Mapping):
        return value.keys() == wanted.keys() and all(_same(value[k], wanted[k]) for k in value)
    if isinstance(value, list) and isinstance(wanted, list):
        return len(value) == len(wanted) and all(map(_same, value, wanted))
    return value == wanted


def _by_key(rows: Iterable[Row], key: tuple[str, ...]) -> dict[str, list[Row]]:
    grouped: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[", ".join(_show(row[name]) for name in key)].append(row)
    return {at: sorted(group, key=lambda row: repr(row.items())) for at, group in grouped.items()}


def _show(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
