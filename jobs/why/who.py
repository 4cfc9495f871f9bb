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
from tactful.jobs.why.texts import listed, moment, visible
from tactful.schemas.identity import SEEN
from tactful.transforms.blanks import BLANKS

PERSON = re.compile(r"[pn]_[0-9a-f]{32}")
DIGEST = re.compile(r"[0-9a-f]{64}")
READS = (
    "identifiers", "identity", "identity_changes", "_log/labels", "_log/links", "activations",
)  # fmt: skip
# A chain of merges longer than this is told by its end alone.
MOST_MOVES = 50
MOST_NAMED = 10
# What is no identifier may be named before a value as well.
TOLD_APART = ("person", "message", "decision")

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
# What became of whom an id was given to: every id that it led to, and when each came apart.
BECAME = """
    WITH RECURSIVE became (id) AS (
        SELECT $person
        UNION
        SELECT to_person_id FROM identity_changes JOIN became ON from_person_id = id
        WHERE to_person_id IS NOT NULL AND kind = 'merge'
    )
"""
SPLITS = f"""
    {BECAME}
    SELECT from_person_id, to_person_id, changed_at, cause_event_id
    FROM identity_changes SEMI JOIN became ON from_person_id = id
    WHERE kind = 'split' AND to_person_id IS DISTINCT FROM from_person_id
    ORDER BY changed_at, batch_id, to_person_id
"""
# Who had several values of a type of which nobody has two stood for several, one after another.
SEVERAL = f"""
    {BECAME}
    SELECT identifier_type, count(DISTINCT identifier_key) AS values_count
    FROM log_labels SEMI JOIN became ON person_id = id
    WHERE state = 'linked' AND identifier_type IN (SELECT unnest($types))
    GROUP BY identifier_type HAVING values_count > 1 ORDER BY identifier_type
"""
EVER_HELD = """
    SELECT DISTINCT identifier_key FROM log_labels WHERE person_id = $person AND state = 'linked'
"""
ONLY_SAID = """
    SELECT coalesce(kind, 'seen') AS kind FROM log_links
    WHERE list_has_any(identifier_keys, $keys) OR list_has_any(blocked_keys, $keys)
    GROUP BY ALL
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

A_DECISION = "SELECT person_id FROM activations WHERE activation_id = $decision"


@dataclass(frozen=True)
class Who:
    """Whom a question is about.

    kind: identifier, person, message or decision. person_id: None where it stands for nobody.
    matched: the identifiers that were meant. became: what happened to a person id that was asked
    for (asked_id).
    """

    asked: str
    kind: str
    person_id: str | None
    matched: Sequence[Mapping[str, Any]] = ()
    became: Sequence[str] = ()
    message_id: str | None = None
    decision_id: str | None = None
    asked_id: str | None = None
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def is_device(self) -> bool:
        """Whether it is a shared device, which is nobody's."""
        return (self.person_id or "").startswith("n_")


def find(lake: LakeView, text: str, config: Config) -> Who:
    """Whom somebody means by an identifier, a person, message or decision id.

    An identifier is read as those of events are: in any spelling of an email, any way to write a
    phone number. TYPE:VALUE says which type is meant, and so do `TOLD_APART`.

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
    if kind not in ("message", "decision"):
        found = _identified(lake, asked, kind, value, config)
        if found:
            return found
    message = lake.rows(A_MESSAGE, message=value) if kind in (None, "message") else []
    if message:
        return Who(asked, "message", message[0]["person_id"], message_id=value)
    decision = lake.rows(A_DECISION, decision=value) if kind in (None, "decision") else []
    if decision:
        return Who(asked, "decision", decision[0]["person_id"], decision_id=value)
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
    words = identifier_words(config) | {name: name for name in TOLD_APART}
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
        words = lake.rows(ONLY_SAID, keys=sorted(keys))
        if words and not any(row["kind"] == SEEN for row in words):
            raise WhoUnknown(
                f"Only a manual link names the {called(matched[0])}: nothing that happened carried "
                "it, so it is nobody until an event carries it."
            )
        raise WhoUnknown(
            f"Nothing is published of the {called(matched[0])} yet: its events came in after the "
            "tables were made, or are dated later; the next run that knows them tells."
        )
    return Who(asked, "identifier", next(iter(persons), None), matched)


def _person(lake: LakeView, person: str) -> Who:
    """A person by an id that was ever given to them."""
    parted = list(_parted(lake, person))
    if lake.rows(IS_HELD, person=person):
        return Who(person, "person", person, became=parted, asked_id=person)
    became = [*parted, *_moves(lake, person)]
    minted_for = described(lake, [person[2:]])
    if not minted_for:
        if became:
            return Who(person, "person", None, became=became, asked_id=person)
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
    return Who(person, "person", now, [one], became, asked_id=person)


def _parted(lake: LakeView, person: str) -> Iterator[str]:
    """That a person id came apart, when, and who has now what it once had."""
    splits = [row for row in lake.rows(SPLITS, person=person) if row["from_person_id"] == person]
    if not splits:
        return
    days = dict.fromkeys(
        f"{moment(row['changed_at'])} (by {cause_words(row['cause_event_id'])})" for row in splits
    )
    yield (
        f"This id was split in the run as of {' and '.join(days)}, so that it may stand for "
        "somebody else now than before."
    )
    ever = described(lake, [row["identifier_key"] for row in lake.rows(EVER_HELD, person=person)])
    now: dict[str | None, list[str]] = {}
    for one in ever.values():
        # A shared device's person is whose it was before.
        holder = one["person_id"] if one["state"] == "linked" else None
        now.setdefault(holder, []).append(called(one))
    for row in splits:
        if row["to_person_id"] is not None:
            now.setdefault(row["to_person_id"], [])
    for holder in sorted(now, key=lambda one: (one != person, one is None, one or "")):
        theirs = listed(sorted(now[holder]), MOST_NAMED) or "what was split off then"
        whose = "this id" if holder == person else holder or "nobody"
        yield f"Of what it ever had, {whose} has now: {theirs}."


def standing_for_several(lake: LakeView, person: str, unique_types: Iterable[str]) -> str | None:
    """Why a person id may stand for another customer than whom it was given to; None: it cannot."""
    splits = lake.rows(SPLITS, person=person)
    if splits:
        return f"it was split in the run as of {moment(splits[0]['changed_at'])}"
    several = lake.rows(SEVERAL, person=person, types=[*unique_types])
    if several:
        row = several[0]
        return f"it has had {row['values_count']:,} values of {row['identifier_type']}"
    return None


def cause_words(event: str | None) -> str:
    """What changed a person: an event, or nothing but the time that passed."""
    return visible(event) if event else "no event: a link had outlived its window"


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
        why = f"{row['rule'] or row['kind']}, by {cause_words(row['cause_event_id'])}"
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
    if kind not in ("message", "decision"):
        rows = lake.rows(NEAREST, value=value, type=kind, most=max(1, min(3, len(value) // 5)))
    if not rows:
        return f"{text}, nor by anything that is spelled nearly so."
    nearest = " or ".join(f"{row['identifier_type']}:{visible(row['value'])}" for row in rows)
    return f"{text}; did you mean {nearest}?"
