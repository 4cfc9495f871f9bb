"""Who is meant: an identifier as people type it, a person's id, also a former one, or a message."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tactful.jobs.errors import WhoUnknown
from tactful.jobs.identity.phones import normalise
from tactful.jobs.identity.spellings import composed
from tactful.jobs.imports.lists import identifier_words, without_separators
from tactful.jobs.report.lake_view import LakeView
from tactful.jobs.settings.config import Config
from tactful.jobs.why.texts import moment, visible
from tactful.transforms.blanks import BLANKS

PERSON = re.compile(r"[pn]_[0-9a-f]{32}")
DIGEST = re.compile(r"[0-9a-f]{64}")
READS = ("identifiers", "identity", "identity_changes")
# A chain of merges longer than this is told by its end alone.
MOST_MOVES = 50

FORMS = """
    SELECT identifier_key, identifier_type, value FROM identifiers
    WHERE value IN (SELECT unnest($values))
       OR ($digest IS NOT NULL AND identifier_type = 'email' AND sha256(value) = $digest)
"""
OF_KEYS = """
    SELECT identifier_key, identifier_type, person_id, state, first_seen_at, last_seen_at,
           neutral_from_at, neutral_person_id
    FROM identity WHERE identifier_key IN (SELECT unnest($keys)) ORDER BY identifier_key
"""
VALUES = """
    SELECT identifier_key, identifier_type, value FROM identifiers
    WHERE identifier_key IN (SELECT unnest($keys))
    ORDER BY identifier_key, identifier_type
"""
# The differences are counted where the lengths allow few of them; a hash resembles nothing.
NEAREST = """
    SELECT identifier_type, value,
           damerau_levenshtein(lower(value), lower($value)) AS steps
    FROM identifiers
    WHERE abs(length(value) - length($value)) <= $most AND identifier_type <> 'email_sha256'
      AND ($type IS NULL OR identifier_type = $type)
      AND damerau_levenshtein(lower(value), lower($value)) <= $most
    ORDER BY steps, identifier_type, value LIMIT 3
"""
IS_HELD = """
    SELECT 1 FROM identity WHERE person_id = $person OR neutral_person_id = $person LIMIT 1
"""
NEXT = """
    SELECT kind, to_person_id, changed_at, cause_event_id, rule FROM identity_changes
    WHERE from_person_id = $person AND to_person_id IS DISTINCT FROM $person
    ORDER BY changed_at DESC, batch_id DESC LIMIT 1
"""
A_MESSAGE = """
    SELECT person_id FROM timeline WHERE message_id = $message
    ORDER BY type <> 'sent', occurred_at, event_id LIMIT 1
"""


@dataclass(frozen=True)
class Who:
    """Whom a question is about.

    kind: identifier, person or message. person_id: None where it stands for nobody. matched: the
    identifiers that were meant. became: what happened to a person id that was asked for.
    """

    asked: str
    kind: str
    person_id: str | None
    matched: Sequence[Mapping[str, Any]] = ()
    became: Sequence[str] = ()
    message_id: str | None = None
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def is_device(self) -> bool:
        """Whether it is a shared device, which is nobody's."""
        return (self.person_id or "").startswith("n_")


def find(lake: LakeView, text: str, config: Config) -> Who:
    """Whom somebody means by an identifier, a person id or a message id.

    An identifier is read as those of events are: in any spelling of an email, any way to write a
    phone number. TYPE:VALUE says which type is meant, `person:` and `message:` likewise.

    Raises: WhoUnknown, where nobody is meant, or several are.
    """
    asked = text.strip(BLANKS)
    if not asked:
        raise WhoUnknown("Nobody is named; give an identifier, a person id or a message id.")
    kind, value = _named(asked, config)
    if kind in (None, "person") and PERSON.fullmatch(value):
        return _person(lake, value)
    if kind == "person":
        raise WhoUnknown(f"{visible(value)} is no person id; those are p_ and 32 hex digits.")
    if kind != "message":
        found = _identified(lake, asked, kind, value, config)
        if found:
            return found
    message = lake.rows(A_MESSAGE, message=value) if kind in (None, "message") else []
    if message:
        return Who(asked, "message", message[0]["person_id"], message_id=value)
    raise WhoUnknown(_nobody(lake, kind, value))


def described(lake: LakeView, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What is known of identifiers: type, value, state and person, by their key."""
    wanted = sorted(set(keys))
    known: dict[str, dict[str, Any]] = {
        row["identifier_key"]: {**row, "value": None} for row in lake.rows(OF_KEYS, keys=wanted)
    }
    for row in lake.rows(VALUES, keys=wanted):
        one = known.setdefault(
            row["identifier_key"],
            {
                "identifier_key": row["identifier_key"], "person_id": None, "state": None,
                "identifier_type": row["identifier_type"].removesuffix("_sha256"),
                "first_seen_at": None, "last_seen_at": None,
                "neutral_from_at": None, "neutral_person_id": None, "value": None,
            },
        )  # fmt: skip
        # Of the two forms of an email, email comes first, and says more than its hash.
        one["value"] = one["value"] or row["value"]
    return known


def called(one: Mapping[str, Any]) -> str:
    """An identifier as people name it: email ann@x.io."""
    value = one["value"] if one["value"] is not None else f"with the key {one['identifier_key']}"
    return f"{visible(one['identifier_type'], 40)} {visible(value)}"


def _named(asked: str, config: Config) -> tuple[str | None, str]:
    """The type that is named before the value, if one is."""
    before, sign, value = asked.partition(":")
    words = identifier_words(config) | {"person": "person", "message": "message"}
    kind = words.get(without_separators(before)) if sign else None
    return (kind, value.strip(BLANKS)) if kind else (None, asked)


def _forms(kind: str | None, value: str, config: Config) -> set[tuple[str, str]]:
    """As what identifiers a value may stand in the lake: type and normal form."""
    types = [kind] if kind else [*config.identity.types, "email_sha256"]
    forms = {(one, value) for one in types}
    if "email" in types:
        lowered = composed(value).lower()
        digest = hashlib.sha256(lowered.encode()).hexdigest()
        forms |= {("email", lowered), ("email_sha256", digest)}
    if "email_sha256" in types:
        forms.add(("email_sha256", value.lower()))
    number = normalise(value, config.identity.phone_region) if "phone" in types else None
    if number:
        forms.add(("phone", number))
    return forms


def _identified(
    lake: LakeView, asked: str, kind: str | None, value: str, config: Config
) -> Who | None:
    forms = _forms(kind, value, config)
    digest = value.lower() if DIGEST.fullmatch(value.lower()) else None
    if kind not in (None, "email_sha256"):
        digest = None
    rows = lake.rows(FORMS, values=sorted({v for _, v in forms}), digest=digest)
    keys = {
        row["identifier_key"] for row in rows
        if (row["identifier_type"], row["value"]) in forms
        # A lake that is named without its configuration may have types of its own.
        or (kind is None and row["value"] == value)
        or (digest and row["identifier_type"] == "email")
    }  # fmt: skip
    if not keys:
        return None
    known = described(lake, keys)
    matched = [known[key] for key in sorted(keys)]
    persons = {one["person_id"] for one in matched if one["person_id"]}
    if len(persons) > 1:
        several = "; ".join(
            f"{one['identifier_type']}:{visible(one['value'])} ({one['person_id'] or 'nobody'})"
            for one in matched
        )
        raise WhoUnknown(f"{visible(asked)} may be several: {several}; name one of them.")
    unpublished = [one for one in matched if one["state"] is None]
    if len(unpublished) == len(matched):
        raise WhoUnknown(
            f"Nothing is published of the {called(matched[0])} yet: its events came in after the "
            "tables were made, or are dated later; the next run that knows them tells."
        )
    return Who(asked, "identifier", next(iter(persons), None), matched)


def _person(lake: LakeView, person: str) -> Who:
    """A person by an id that was ever given to them."""
    if lake.rows(IS_HELD, person=person):
        return Who(person, "person", person)
    became = list(_moves(lake, person))
    minted_for = described(lake, [person[2:]])
    if not minted_for:
        if became:
            return Who(person, "person", None, became=became)
        raise WhoUnknown(
            f"Nobody in this lake has or had the id {person}; it is of another lake, or of "
            "somebody who was forgotten."
        )
    one = minted_for[person[2:]]
    now = one["person_id"]
    if now is None:
        became.append(f"It was made for the {called(one)}, which is {_nobodys(one)}.")
    else:
        became.append(f"It was made for the {called(one)}, whose person is now {now}.")
    return Who(person, "person", now, [one], became)


def _nobodys(one: Mapping[str, Any]) -> str:
    states = {"hub": "a hub by now and stands for nobody", "blocked": "blocked"}
    return states.get(one["state"] or "", "nobody's any more")


def _moves(lake: LakeView, person: str) -> Iterator[str]:
    """What became of a person id, change by change."""
    seen = {person}
    for _ in range(MOST_MOVES):
        rows = lake.rows(NEXT, person=person)
        if not rows:
            return
        row = rows[0]
        why = f"{row['rule'] or row['kind']}, by {visible(row['cause_event_id'] or 'no event')}"
        yield (
            f"{person} became {row['to_person_id'] or 'nobody'} in the run as of "
            f"{moment(row['changed_at'])} ({row['kind']}: {why})."
        )
        person = row["to_person_id"]
        if person is None or person in seen:
            return
        seen.add(person)


def _nobody(lake: LakeView, kind: str | None, value: str) -> str:
    """That nobody is known by a value, and what is spelled nearly like it."""
    what = f"{kind} {visible(value)}" if kind else visible(value)
    text = f"Nobody in this lake is known by {what}"
    rows = []
    if kind != "message":
        rows = lake.rows(NEAREST, value=value, type=kind, most=max(1, min(3, len(value) // 5)))
    if not rows:
        return f"{text}, nor by anything that is spelled nearly so."
    nearest = " or ".join(f"{row['identifier_type']}:{visible(row['value'])}" for row in rows)
    return f"{text}; did you mean {nearest}?"
