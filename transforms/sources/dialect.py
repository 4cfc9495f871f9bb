"""What a dialect is: how another system's rows are read as canonical events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame


@dataclass(frozen=True)
class ListForm:
    """How another system exports its lists of people, for `tactful import --dialect`.

    `columns` the headers that tell more than who is meant, in small letters with _ between words.
    `told`    a row by these names, and whether the list is to open channels (else to close them) →
              what each event of it says: channel, and occurred_at where the row has it. None where
              the row says nothing of the kind.
    """

    columns: tuple[str, ...]
    told: Callable[[Mapping[str, str], bool], list[dict[str, str]]]


@dataclass(frozen=True)
class Dialect:
    """One form in which events come.

    `doc`        a sentence about whose form it is.
    `parse`      landed rows (value, file, modified_at), `stream`, `source_name`, `max_row_bytes`,
                 `max_skew` → the columns of `received`, one row an event, each with all that is
                 wrong with it.
    `streams`    the streams that its rows may be of, where it says of each row which one that is,
                 in `received`'s own column `stream` (a form of one stream only names that one);
                 empty: all are of the one that the source names, which is `stream`.
    `type_field` the name under which a row says what happened: `tactful status` looks there for
                 what refused rows wanted.
    `closing`    where else a row says that it closes a channel, for the same: a path in it, and the
                 word there.
    `faults`     for a form that the configuration describes in `fields`: the stream and that table
                 → what is wrong with it (key, found, allowed); its `parse` also takes `fields`,
                 `time_zone` and `one_event_by`. None: it takes neither.
    `columns`    likewise → the columns that it reads, each with the field that does.
    `lists`      how its lists of people are read; None where it has no form of its own for them.
    `customer_field` its own number of a customer, which it reads as customer_id; none: no such one.
    `is_keyed`   whether its parse also takes `pads`, one row with the lake's secret (inner, outer;
                 see `hmac_pads`): for an id that stands for an address, which a plain hash would
                 give away to anybody with a list of words.
    """

    name: str
    doc: str
    parse: Callable[..., DataFrame]
    streams: tuple[str, ...] = ()
    type_field: str = "type"
    closing: tuple[tuple[str, str], ...] = ()
    faults: Callable[[str, Any], Iterable[tuple[str, str, str]]] | None = None
    columns: Callable[[str, Any], Mapping[str, str]] | None = None
    lists: ListForm | None = None
    is_keyed: bool = False
    customer_field: str = ""
