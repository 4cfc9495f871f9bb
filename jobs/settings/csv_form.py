"""How a source writes its CSV files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CsvForm:
    """Its signs, and `columns` where its files begin without a line of names."""

    delimiter: str = ","
    quote: str = '"'
    columns: tuple[str, ...] = ()
