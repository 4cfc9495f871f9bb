"""How a destination is spoken to over HTTP: which calls a file becomes, and what answers mean.

Nothing here sends: a kind says what has to be sent, `jobs/sending` does it and asks what came back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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


class Answer(NamedTuple):
    """What a destination said to a call.

    state: accepted, rejected, retrying or forbidden. refused: why, by the record's number in the
    file, for those alone that it did not take of an accepted call. said: what may be kept of it.
    """

    state: str
    refused: Mapping[int, str] = NO_ROW
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


def any_document(said: Any) -> bool:
    """Whatever a success says is an answer."""
    return True


def is_object(said: Any) -> bool:
    """An answer of this vendor is a JSON object."""
    return isinstance(said, dict)


@dataclass(frozen=True)
class Http:
    """How one kind of destination is spoken to.

    `base`     where its API is; empty where each customer has an address of their own.
    `calls`    text of a file, operation, options, numbers of its records → the calls it becomes.
    `headers`  the call, what it is signed with → headers. The credential goes nowhere else.
    `read`     status, what was said (parsed JSON, or None), call → `Answer` to a success.
    `is_answer` whether what a success said is an answer at all: a gateway's page is none.
    `per_second` calls a second that it takes for as long as one likes.
    `delay`    how long after it accepted what it was told holds, as the vendor documents it; None
               where the vendor does not.
    `honours_key` whether it does nothing twice that comes with one idempotency key.
    `repeats_are_harmless` whether the same call twice leaves the same as once.
    `look`     options, rows with their payloads → calls that ask which of them are closed there
               already, made before what closes them: that was not us, and is never opened by us.
    `closed`   what was said, call, rows with their payloads → the numbers of those that are.
    `mints`    whether the credential may be one that access tokens are fetched with (see `tokens`).
    """

    base: str
    calls: Callable[..., list[Call]]
    headers: Callable[[Call, Signed], dict[str, str]]
    per_second: float
    read: Callable[[int, Any, Call], Answer] = taken
    is_answer: Callable[[Any], bool] = any_document
    delay: timedelta | None = None
    honours_key: bool = False
    repeats_are_harmless: bool = True
    look: Callable[[Mapping[str, Any], Mapping[int, str]], list[Call]] | None = None
    closed: Callable[[Any, Call, Mapping[int, str]], set[int]] | None = None
    mints: bool = False
    notes: tuple[str, ...] = field(default=())


def bearer(call: Call, signed: Signed) -> dict[str, str]:
    """A token in the usual place."""
    return {"Authorization": f"Bearer {signed.credential}", "Content-Type": "application/json"}


def judged(http: Http, status: int, text: str, call: Call) -> Answer:
    """What an answer means, whatever the vendor: a success is the kind's own to read."""
    said = parsed(text)
    if 200 <= status < 300:
        if not http.is_answer(said):
            return Answer(RETRY, said="an answer that is none")
        return http.read(status, said, call)
    if status in REFUSED:
        return Answer(FORBIDDEN)
    if status in PASSING or status >= 500:
        return Answer(RETRY)
    return Answer(REJECTED)


def parsed(text: str) -> Any:
    """What a text says as JSON; None where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return None
