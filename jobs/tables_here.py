"""A lake's tables on this machine, opened without a session or a JVM."""

from __future__ import annotations

from pathlib import Path

from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError


def opened(lake: Path, path: str, version: int | None = None) -> DeltaTable | None:
    """A table by its folder inside the lake; None where there is none."""
    # Asked of the disk first: opening what is not there would make its folder.
    if not (lake / path / "_delta_log").is_dir():
        return None
    try:
        return DeltaTable(str(lake / path), version=version)
    except TableNotFoundError:
        return None
