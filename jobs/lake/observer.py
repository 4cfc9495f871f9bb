"""Observer: who is told what a run does, batch by batch; by default nobody is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tactful.schemas.table import Table


class Observer:
    """Takes no note of anything; whoever watches a run takes its place."""

    def batch_done(self, batch: Any, outputs: Mapping[Table, Any]) -> None:
        """A batch is done, with what it wrote."""

    def accepted(self, rows: int) -> None:
        """So many rows are accepted, and the main query has still to read them."""

    def caught_up(self, state: Mapping[str, Any]) -> None:
        """All that has landed is accepted. state: what the lake knows of itself by now."""

    def sent(self, turns: Mapping[str, Mapping[str, Any]]) -> None:
        """So much became of the files of each destination that is sent to."""
