"""Request texts: a batch's records of one audience as texts, each of them one request.

The same wherever it runs: the driver makes them of few records, executors of many, and a batch that
is repeated finds the files that it wrote. Executors get the code by its name, with the archive or
the package that they have; they need pyarrow besides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tactful.schemas.records import TEST
from tactful.transforms.plans.speaking import CANCEL, SEND
from tactful.transforms.sinks import SINKS, Request, cut_into_requests

# What of a batch is told first, and what makes a list longer.
FIRST = ("remove", "suppress", CANCEL)
GROWING = ("add", "suppress")
# What is told of what is said to somebody; it changes no audience.
SPOKEN = (SEND, CANCEL, TEST)
FILE = ("destination", "audience", "operation")

# A text: which part of which group's records it is of, how many those are, and what tells it apart.
MADE = {
    "destination": "string",
    "audience": "string",
    "operation": "string",
    "request": "int",
    "part": "int",
    "records": "int",
    "text_sha256": "string",
    "place": "string",
    "text": "string",
}
ARROW = {"string": pa.string(), "int": pa.int32()}
SCHEMA = pa.schema([(name, ARROW[kind]) for name, kind in MADE.items()])


@dataclass(frozen=True)
class Group:
    """The records of one audience that a batch adds, removes or says: one group, many requests.

    fields: the kind's own, in its order. options: those of the kind, as configured. total: how many
    records there are. limit: the most that one request may hold. session: the same for all of them,
    and for no others.
    """

    destination: str
    kind: str
    audience: str
    operation: str
    fields: tuple[str, ...]
    options: Mapping[str, Any]
    total: int
    limit: int
    session: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What its records have in common; the columns are `FILE`."""
        return self.destination, self.audience, self.operation

    @property
    def extension(self) -> str:
        """How its files' names end."""
        return SINKS[self.kind].extension

    @property
    def requests(self) -> list[Request]:
        """How its records are cut, before any text is found too long."""
        return cut_into_requests(self.total, self.limit)

    def texts(
        self, payloads: Sequence[str], record_ids: Sequence[str], request: Request
    ) -> Iterator[tuple[int, str]]:
        """A request's records as one text, or as several where it would be too long.

        With each, how many records it is of. A text that is split says nothing of its number: no
        vendor has both a limit of bytes and numbered requests.
        """
        text, most = self._text(payloads, record_ids, request), SINKS[self.kind].max_bytes
        if most is None or len(payloads) == 1 or len(text.encode()) <= most:
            yield len(payloads), text
            return
        half = len(payloads) // 2
        yield from self.texts(payloads[:half], record_ids[:half], request)
        yield from self.texts(payloads[half:], record_ids[half:], request)

    def _text(self, payloads: Sequence[str], record_ids: Sequence[str], request: Request) -> str:
        sink = SINKS[self.kind]
        if self.operation in SPOKEN:
            assert sink.speech is not None
            return sink.speech(
                payloads,
                record_ids=record_ids,
                policy=self.audience,
                # Who sends it need not know that somebody only looks at it.
                operation=SEND if self.operation == TEST else self.operation,
                **self.options,
            )
        return sink.body(
            payloads,
            operation=self.operation,
            audience=self.audience,
            seq=request.seq,
            last=request.last,
            total=self.total,
            record_ids=record_ids,
            session=self.session,
            schema=self.fields,
            **self.options,
        )


def sha256_of(text: str) -> str:
    """What tells a text from any other."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def maker(groups: Iterable[Group]) -> Callable[[pa.Table], pa.Table]:
    """What an executor calls with the records of one request. Columns: MADE."""
    of_key = {group.key: group for group in groups}

    def made(records: pa.Table) -> pa.Table:
        ordered = records.sort_by("position")
        key = tuple(ordered[name][0].as_py() for name in FILE)
        number: int = ordered["request"][0].as_py()
        group = of_key[key]
        payloads, record_ids = (ordered[name].to_pylist() for name in ("payload", "record_id"))
        texts = group.texts(payloads, record_ids, group.requests[number])
        rows = [
            {
                **dict(zip(FILE, key, strict=True)),
                "request": number,
                "part": part,
                "records": size,
                "text_sha256": sha256_of(text),
                # Two may hold the same words; where one lies, no other does.
                "place": sha256_of("\n".join((*key, str(number), str(part)))),
                "text": text,
            }
            for part, (size, text) in enumerate(texts)
        ]
        return pa.Table.from_pylist(rows, schema=SCHEMA)

    return made
