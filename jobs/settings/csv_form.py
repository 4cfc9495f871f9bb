"""How a source writes its CSV files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CsvForm:
    """Its signs, `columns` where its files begin without a line of names, and `needed`, the columns
    that the configuration reads."""

    delimiter: str = ","
    quote: str = '"'
    columns: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
