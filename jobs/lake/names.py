"""Names: what a lake's tables are called where a catalog keeps them."""

from __future__ import annotations

import re
from typing import Any

from tactful.schemas.table import Table

# One part of a name, as every catalog takes it.
PART = r"[A-Za-z_][A-Za-z0-9_]{0,127}"
SCHEMA = re.compile(rf"{PART}\.{PART}")


def in_catalog(table: Table) -> str:
    """A table's own name; that of a log begins with log_, since messages, say, are both."""
    return f"log_{table.name}" if table.log else table.name


def quoted(name: str) -> str:
    """A name whose parts may be words of SQL."""
    return ".".join(f"`{part}`" for part in name.split("."))


def schema_of(state: dict[str, Any] | None) -> str | None:
    """The catalog and the schema in which a lake keeps its tables; None for its own folder."""
    told = (state or {}).get("schema")
    return told if isinstance(told, str) and SCHEMA.fullmatch(told) else None
