"""How a destination is spoken to over HTTP: which calls a file becomes, and what answers mean.

Nothing here sends: a kind says what has to be sent, `jobs/sending` does it and asks what came back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, NamedTuple

# What became of a call.
ACCEPTED, REJECTED, RETRY, FORBIDDEN = "accepted", "rejected", "retrying", "forbidden"
# What a call may be answered that another try may change: too early, too many, or its own trouble.
PASSING = (408, 425, 429)
# What concerns the credential, and so every call: not one row of any file is to blame.
REFUSED = (401, 403)
NO_ROW: Mapping[int, str] = {}


@dataclass(frozen=True)
class Call:
    """One request: of a file, or of a part of it.

    rows: the numbers of the file's records that it is about, in its own order.
    """

    method: str
    path: str
    body: str | None
    rows: tuple[int, ...]


class Value(NamedTuple):
    """One identifier as it stands in a record: the destination's field, and what is on the wire."""

    field: str
    wire: str


class Answer(NamedTuple):
    """What a destination said to a call.

    state: accepted, rejected, retrying or forbidden. refused: why, by the record's number in the
    file, for those alone that it did not take of an accepted call; or those that a rejected call
    failed for, and the rest may be sent without them. unnamed: how many more it did not take
    without saying which. said: what may be kept of it.
    """

    state: str
    refused: Mapping[int, str] = NO_ROW
    unnamed: int = 0
    said: str = ""


class Signed(NamedTuple):
    """What a call is sent with: the credential, its idempotency key and the moment (seconds)."""

    credential: str
    key: str
    at: int


def calls_whole(method: str, path: str) -> Callable[..., list[Call]]:
    """A file is one call; the path may name options, as {audience_id}."""

    def calls(
        text: str, operation: str, options: Mapping[str, Any], rows: Sequence[int]
    ) -> list[Call]:
        return [Call(method, path.format_map(options), text, tuple(rows))]

    return calls


def taken(status: int, said: Any, call: Call) -> Answer:
    """A success speaks for every row."""
    return Answer(ACCEPTED)


def took(call: Call, refused: Mapping[int, str]) -> Answer:
    """What a success comes to that names the rows it did not take; all of them: a rejection."""
    is_all = len(refused) == len(call.rows)
    return Answer(REJECTED if is_all else ACCEPTED, refused or NO_ROW)


def no_page(said: Any, text: str) -> bool:
    """Whatever a success says is an answer, but the page of some gateway."""
    return not text.lstrip().startswith("<")


def is_object(said: Any, text: str) -> bool:
    """An answer of this vendor is a JSON object."""
    return isinstance(said, dict)


def as_it_is(credential: str) -> None:
    """Nothing of this vendor's credentials shows before it is asked."""


@dataclass(frozen=True)
class Erase:
    """How a vendor is asked to erase what it keeps of somebody, by what it knows them by.

    `calls`  options, values → the calls; rows are the numbers of the values. A value that no call
             is about cannot be erased by: `leaves` says so.
    `leaves` what is left there, or has to be done besides, as a sentence.
    `is_answer` as of `Http`, where these calls are answered otherwise.
    `per_second` calls a second that it takes of these.
    """

    calls: Callable[[Mapping[str, Any], Sequence[Value]], list[Call]]
    leaves: str
    per_second: float
    is_answer: Callable[[Any, str], bool] = no_page


@dataclass(frozen=True)
class Http:
    """How one kind of destination is spoken to.

    `base`     where its API is; empty where each customer has an address of their own.
    `calls`    text of a file, operation, options, numbers of its records → the calls it becomes.
    `headers`  the call, what it is signed with → headers. The credential goes nowhere else.
    `read`     status, what was said (parsed JSON, or None), call → `Answer` to a success.
    `is_answer` what was said, its text → whether that is an answer: a gateway's page is none.
    `per_second` calls a second that it takes for as long as one likes.
    `delay`    how long after it accepted what it was told holds, as the vendor documents it; None
               where the vendor does not.
    `look`     options, rows with their payloads → calls that ask which of them are closed there
               already, made before what closes them: that was not us, and is never opened by us.
    `closed`   what was said, call, rows with their payloads → the numbers of those that are.
    `blame`    what was said with a 4xx → its state where the number alone does not tell; None.
    `culprit`  how a refusal names a record at fault: a pattern with its place in the list.
    `lists`    where a body may hold its records, as names from the outside in.
    `erase`    how it is asked to erase somebody; None where nobody can ask it by a call.
    `mints`    whether the credential may be a JSON that access tokens are fetched with.
    `unfit`    credential → what is wrong with it and what it may be, where that shows; else None.
    """

    base: str
    calls: Callable[..., list[Call]]
    headers: Callable[[Call, Signed], dict[str, str]]
    per_second: float
    read: Callable[[int, Any, Call], Answer] = taken
    is_answer: Callable[[Any, str], bool] = no_page
    delay: timedelta | None = None
    look: Callable[[Mapping[str, Any], Mapping[int, str]], list[Call]] | None = None
    closed: Callable[[Any, Call, Mapping[int, str]], set[int]] | None = None
    blame: Callable[[Any], str | None] | None = None
    culprit: str = ""
    lists: tuple[tuple[str, ...], ...] = ()
    mints: bool = False
    unfit: Callable[[str], tuple[str, str] | None] = as_it_is
    erase: Erase | None = None

    @property
    def erasing(self) -> Http:
        """The same for calls that ask it to erase somebody: a success is that it will."""
        assert self.erase is not None
        e = self.erase
        return replace(self, read=taken, is_answer=e.is_answer, per_second=e.per_second)


def bearer(call: Call, signed: Signed) -> dict[str, str]:
    """A token in the usual place."""
    return {"Authorization": f"Bearer {signed.credential}", "Content-Type": "application/json"}


def judged(http: Http, status: int, text: str, call: Call) -> Answer:
    """What an answer means, whatever the vendor: a success is the kind's own to read."""
    said = parsed(text)
    if 200 <= status < 300:
        if not http.is_answer(said, text):
            return Answer(RETRY, said="an answer that is none")
        return http.read(status, said, call)
    blamed = http.blame(said) if http.blame and status < 500 else None
    if blamed in (FORBIDDEN, RETRY):
        return Answer(blamed)
    if status in REFUSED:
        return Answer(FORBIDDEN)
    if status in PASSING or status >= 500:
        return Answer(RETRY)
    named = re.findall(http.culprit, text) if http.culprit else []
    at_fault = {call.rows[int(n)]: "invalid" for n in named if int(n) < len(call.rows)}
    return Answer(REJECTED, at_fault)


def without(http: Http, call: Call, rows: Collection[int]) -> Call | None:
    """The same call without some of its records; None where nothing is left of it."""
    whole = json.loads(call.body or "null")
    for names in http.lists:
        held, holder = whole, {}
        for name in names:
            holder, held = held, held.get(name) if isinstance(held, dict) else None
        if isinstance(held, list) and len(held) == len(call.rows):
            kept = [n for n, row in enumerate(call.rows) if row not in rows]
            holder[names[-1]] = [held[n] for n in kept]
            left = tuple(call.rows[n] for n in kept)
            return Call(call.method, call.path, document(whole), left) if kept else None
    return None


def numbered(values: Sequence[Value], *fields: str) -> list[tuple[int, str]]:
    """The values of some fields, each with its number."""
    return [(row, value.wire) for row, value in enumerate(values) if value.field in fields]


def document(value: Any) -> str:
    """One JSON document on one line: the same value gives the same text."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return text + "\n"


def parsed(text: str) -> Any:
    """What a text says as JSON; None where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return None
