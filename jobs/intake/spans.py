"""Spans: what a source that is no folder is read by, such as the offsets of a topic's partition."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from tactful.jobs.settings.config import Config


@dataclass(frozen=True)
class Span:
    """Positions of one part of a source, from the first to the one before `until`.

    way: how they are read, where there are several ways. is_lost: whether they were gone before
    they were read, so that nothing of them lands.
    """

    part: str
    start: int
    until: int
    way: str = ""
    is_lost: bool = False

    def as_list(self) -> list[Any]:
        """As it is written down."""
        return [self.part, self.start, self.until, self.way, self.is_lost]


@dataclass(frozen=True)
class Reading:
    """Which source of which configuration is read."""

    spark: SparkSession
    config: Config
    name: str

    @property
    def source(self) -> Any:
        """The source, as it is configured."""
        return self.config.sources[self.name]


@dataclass
class Found:
    """What there is to be read, in batches; and what there can never be, by its part, and why."""

    batches: list[list[Span]] = field(default_factory=list)
    troubles: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Feed:
    """One kind of source that is read by positions instead of files.

    `look`  a reading, and up to where each part was read → what there is beyond.
    `read`  a reading, spans, and when their batch was begun → every row of them as JSON texts:
            value, file (where it stood), modified_at, block; None where there is none. A repeat
            gives the same rows.
    `aside` the same → how many rows of each span are no events, by its part and start.
    `first` spans and a number of rows → what of them is enough to see so many.
    `left`  a reading and spans that cannot be read any more → what of them can, and what is lost.
    `place` a span → SQL over `file` that is true of its rows.
    """

    look: Callable[[Reading, Mapping[str, int]], Found]
    read: Callable[[Reading, list[Span], datetime], DataFrame | None]
    left: Callable[[Reading, list[Span]], list[Span]]
    place: Callable[[Reading, Span], str]
    first: Callable[[list[Span], int], list[Span]] = lambda spans, _: spans
    aside: Callable[[Reading, list[Span]], Mapping[tuple[str, int], int]] = lambda *_: {}


class Gone(Exception):
    """Raised where positions that a batch wrote down are no longer there; it names them."""


def spans_of(told: Iterable[list[Any]]) -> list[Span]:
    """Spans as they were written down."""
    return [Span(*values) for values in told]
