"""Answer: what explains one customer or one message, and why two are one customer or are not."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tactful.jobs.commands.tables_here import lake_here, readable, state_here
from tactful.jobs.errors import NotYetKnown, WhoUnknown
from tactful.jobs.lake.files import LocalFiles
from tactful.jobs.lake.mirror import called
from tactful.jobs.report.lake_view import LakeView, open_lake, published_state
from tactful.jobs.runs import gate
from tactful.jobs.runs.pausing import paused_since
from tactful.jobs.settings.config import Config
from tactful.jobs.why import (
    apart,
    asked,
    experiments,
    happened,
    links,
    planned,
    shared,
    who,
    withheld,
)
from tactful.jobs.why.texts import as_utc, moment, visible
from tactful.jobs.why.who import Who
from tactful.transforms.closings import ADDRESS

READS = {
    *who.READS, *links.READS, *apart.READS, *happened.READS, *withheld.READS, *planned.READS,
    *shared.READS, *experiments.READS, "outcomes",
}  # fmt: skip
MOST_IDENTIFIERS = 200

OF_PERSON = """
    SELECT identifier_key FROM identity WHERE person_id = $person OR neutral_person_id = $person
    ORDER BY state, first_seen_at, identifier_key LIMIT $most
"""
HOW_MANY = """
    SELECT count(*) AS n FROM identity WHERE person_id = $person OR neutral_person_id = $person
"""
CHANGES = """
    SELECT changed_at, kind, from_person_id, to_person_id, cause_event_id, rule,
           count(*) OVER () AS all_count
    FROM identity_changes WHERE from_person_id = $person OR to_person_id = $person
    ORDER BY changed_at DESC, batch_id DESC LIMIT $rows
"""
OUTCOME = "SELECT * FROM outcomes WHERE message_id = $message"


@dataclass(frozen=True)
class Moment:
    """The lake and the moment that an answer is about.

    as_of: when the tables were published. rows: how many of what happened are told at most.
    """

    lake: LakeView
    config: Config
    at: datetime
    as_of: datetime
    rows: int
    waits: str | None = None
    paused: Mapping[str, datetime | None] = field(default_factory=dict)


@contextmanager
def looking(
    location: str,
    config: Config,
    *,
    at: datetime | None,
    named: bool,
    rows: int = 10,
    reads: Collection[str] = READS,
) -> Iterator[Moment]:
    """Open a lake as it was published last, whatever a run writes meanwhile.

    named: whether a configuration names the lake. reads: the ids of the tables to look into.

    Raises: LakeError without a lake; NotYetKnown where nothing is published, or before all events.
    """
    folder = lake_here(location)
    waits = gate.held(state_here(folder, is_configured=named), config)
    with readable(folder):
        state = published_state(folder)
        if "as_of" not in state:
            raise NotYetKnown(
                f"Nothing has been published in the lake at {called(folder)} yet; tactful run "
                "takes in what has landed and makes the tables."
            )
        with closing(open_lake(folder, reads)) as lake:
            as_of = as_utc(datetime.fromisoformat(state["as_of"]))
            when = as_of if at is None else as_utc(at)
            if when > max(as_of, datetime.now(UTC)):
                raise NotYetKnown(
                    f"--at {moment(when)} has not come; what was published last is as of "
                    f"{moment(as_of)}."
                )
            begins_at = happened.begins_at(lake) if when < as_of else None
            if begins_at is not None and when < begins_at:
                raise NotYetKnown(
                    f"--at {moment(when)} lies before everything that the lake knows; its oldest "
                    f"event is of {moment(begins_at)}."
                )
            paused = paused_since(LocalFiles(str(folder)))
            yield Moment(lake, config, when, as_of, rows, waits, paused)


def explained(of: Moment, text: str, *, message: str | None, page: int) -> dict[str, Any]:
    """Who somebody is and why, what happened to them, what is said and what not, who was told.

    message: one of their messages, which is to be explained instead of everything.
    """
    found = who.find(of.lake, text, of.config)
    message = message or found.message_id
    facts: dict[str, Any] = {
        "as_of": of.as_of,
        "at": of.at,
        "who": {
            "asked": found.asked,
            "kind": found.kind,
            "person_id": found.person_id,
            "is_shared_device": found.is_device,
            "matched": [_matched(of, dict(one)) for one in found.matched],
            "became": list(found.became),
        },
    }
    if message is not None:
        facts["message"] = explained_message(of, message, found)
    if found.person_id is None:
        if message is None:
            facts["nobodys"] = _nobodys(of, [row["identifier_key"] for row in found.matched])
        return facts
    person = found.person_id
    keys = [row["identifier_key"] for row in
            of.lake.rows(OF_PERSON, person=person, most=MOST_IDENTIFIERS)]  # fmt: skip
    facts["identity"] = identity(of, found, keys)
    if message is not None:
        return facts
    shown = {"at": of.at, "rows": of.rows}
    facts["suppressions"] = withheld.suppressions(of.lake, person, of.config, **shown)
    facts["pressure"] = withheld.pressure(of.lake, person, of.config, at=of.at, as_of=of.as_of)
    facts["regrets"] = withheld.regrets(of.lake, person, of.config, **shown)
    facts["plans"] = planned.plans(
        of.lake, person, keys, of.config, as_of=of.as_of, first=found.decision_id,
        paused=of.paused, apart=facts["identity"]["apart"], **shown,
    )  # fmt: skip
    if found.decision_id:
        rows = facts["plans"]["rows"]
        facts["decision"] = next(
            (row for row in rows if row["decision_id"] == found.decision_id), None
        )
    facts["plans"]["waits"] = of.waits if of.at >= of.as_of else None
    facts["experiments"] = experiments.arms(
        of.lake, person, at=facts["plans"]["as_of"], rows=of.rows
    )
    facts["audiences"] = shared.held(of.lake, keys, of.config, at=of.at, as_of=of.as_of)
    # What they said stands in a table of now.
    refused = any(
        row["is_active"] and row["reason"] == "no_consent" for row in facts["suppressions"]["rows"]
    )
    is_now = of.at >= of.as_of
    facts["silent"] = None
    if is_now and not refused:
        facts["silent"] = asked.silent(of.lake, person, of.config)
    facts["asked_of_ads"] = asked.ads(of.lake, person, of.config)
    facts["records"] = shared.records(of.lake, keys, **shown)
    facts["timeline"] = happened.timeline(
        of.lake, person, page=page, sensitive=of.config.privacy.sensitive, **shown
    )
    return facts


def _nobodys(of: Moment, keys: Sequence[str]) -> dict[str, Any]:
    """What is true of an identifier that is nobody's own: what closed it, who was told of it."""
    shown = {"at": of.at, "rows": of.rows}
    return {
        "suppressions": [
            withheld.suppressions(of.lake, f"{ADDRESS}{key}", of.config, **shown) for key in keys
        ],
        "audiences": shared.held(of.lake, keys, of.config, at=of.at, as_of=of.as_of),
        "records": shared.records(of.lake, keys, **shown),
    }


def identity(of: Moment, found: Who, keys: Sequence[str]) -> dict[str, Any]:
    """The identifiers of a person, which events link each of them, and what is kept apart."""
    known = _described(of, keys)
    mine = {k for k, one in known.items() if one["state"] == "linked"}
    found_apart = apart.crowds(of.lake, of.config, known)
    sets = links.sets_of(of.lake, keys, at=of.at)
    near = {key for together in sets for key in together.keys}
    rules = links.rules_of(of.lake, of.config, near, at=of.at)
    root = _root(found, mine)
    paths = links.paths_from(root, sets, mine, rules) if root else {}
    standing = of.lake.rows(links.STANDING, keys=list(keys), at=of.at)
    spoken_of = {row[name] for row in standing for name in apart.PAIR}
    told = _described(of, near | spoken_of | set(keys))
    seen_at = of.at
    return {
        "person_id": found.person_id,
        "root_key": root,
        "identifiers_count": of.lake.row(HOW_MANY, person=found.person_id)["n"],
        "identifiers": [
            {
                **{n: known[key][n] for n in ("identifier_key", "identifier_type", "value",
                                              "state", "first_seen_at", "last_seen_at",
                                              "neutral_from_at")},
                "called": who.called(known[key]),
                "is_over": key in found_apart and apart.is_over(found_apart[key], of.config),
                "path": [links.hop_facts(hop, told) for hop in paths.get(key, [])],
                "is_joined_later": key in mine and key not in paths,
            }
            for key in keys
            if known[key]["first_seen_at"] is None or as_utc(known[key]["first_seen_at"]) <= seen_at
        ],
        "apart": apart.apart(of.lake, sets, mine, {*keys, *mine}, rules, of.config),
        "sets_are_cut_off": len(sets) >= links.MOST_SETS,
        "manual_links": [
            {
                "kind": row["kind"],
                "one": links.name_in(told, row["identifier_key"]),
                "other": links.name_in(told, row["other_key"]),
                "author": row["author"],
                "reason": row["reason"],
                "said_at": row["said_at"],
                "says": apart.word_words(row, told),
                "stopped_by": apart.stopped(row, told),
            }
            for row in standing
        ],
        "changes": of.lake.rows(CHANGES, person=found.person_id, rows=of.rows),
    }  # fmt: skip


def explained_message(of: Moment, message: str, found: Who) -> dict[str, Any]:
    """What became of one message, and what spoke against it or did not.

    Raises: WhoUnknown, where nobody knows it, or it was somebody else's.
    """
    owner = of.lake.rows(who.A_MESSAGE, message=message)
    if not owner:
        raise WhoUnknown(f"Nobody in this lake was sent the message {visible(message)}.")
    person = owner[0]["person_id"]
    if found.kind != "message" and person != found.person_id:
        raise WhoUnknown(
            f"The message {visible(message)} was not sent to {visible(found.asked)} but to "
            f"{person or 'somebody who is not known'}."
        )
    outcomes = of.lake.rows(OUTCOME, message=message)
    outcome = outcomes[0] if outcomes else None
    sent_at = as_utc(outcome["sent_at"]) if outcome else None
    facts: dict[str, Any] = {
        "message_id": message,
        "person_id": person,
        **happened.of_message(of.lake, message, at=of.at, rows=of.rows),
        "outcome": outcome,
        "purpose": of.lake.row(
            "SELECT max(purpose) AS purpose FROM purposes WHERE message_id = $message",
            message=message,
        )["purpose"],
        "regrets": None,
        "in_force": [],
        "in_force_count": 0,
        "caps": [],
    }
    if person is None or sent_at is None:
        return facts
    facts["regrets"] = withheld.regrets(
        of.lake, person, of.config, at=max(of.at, sent_at), rows=of.rows, message=message
    )
    told = withheld.suppressions(of.lake, person, of.config, at=sent_at, rows=of.rows)
    in_force = withheld.active_at(told["rows"])
    # A cap that only this message filled did not hold when it was sent.
    before = [row for row in in_force if not withheld.is_filled_at(row, sent_at)]
    facts["in_force"] = before
    facts["in_force_count"] = told["active_count"] - len(in_force) + len(before)
    caps = (withheld.counted(of.lake, person, cap, of.config, at=sent_at) for cap in of.config.caps)
    facts["caps"] = [cap for cap in caps if cap]
    return facts


def connection(of: Moment, one: str, other: str) -> dict[str, Any]:
    """The shortest path of events between two identifiers, or why there is none."""
    first, second = (_one_identifier(of, text) for text in (one, other))
    a, b = first["identifier_key"], second["identifier_key"]
    same = first["person_id"] is not None and first["person_id"] == second["person_id"]
    is_one = same and first["state"] == second["state"] == "linked"
    facts: dict[str, Any] = {
        "as_of": of.as_of, "at": of.at, "one": first, "other": second,
        "is_one_person": is_one, "path": None, "chain": None, "words": [], "why_not": [],
    }  # fmt: skip
    if is_one:
        keys = [row["identifier_key"] for row in of.lake.rows(
            OF_PERSON, person=first["person_id"], most=links.MOST_SETS)]  # fmt: skip
        known = _described(of, keys)
        mine = {key for key, row in known.items() if row["state"] == "linked"}
        sets = links.sets_of(of.lake, keys, at=of.at)
        rules = links.rules_of(of.lake, of.config, mine, at=of.at)
        path = links.paths_from(a, sets, mine, rules).get(b)
        if path is not None:
            facts["path"] = [links.hop_facts(hop, known) for hop in path]
            facts["words"] = list(apart.words_between(of.lake, [a], [b], at=of.at))
            return facts
    facts["words"] = list(_words_between(of, first, second))
    facts["why_not"] = list(_why_not(of, first, second, facts))
    return facts


def _words_between(of: Moment, *two: Mapping[str, Any]) -> Iterator[str]:
    """What the business says of the two, or of anything else that is their persons'."""
    theirs = []
    for one in two:
        rows = [] if one["person_id"] is None or one["state"] != "linked" else of.lake.rows(
            OF_PERSON, person=one["person_id"], most=MOST_IDENTIFIERS)  # fmt: skip
        theirs.append({one["identifier_key"], *(row["identifier_key"] for row in rows)})
    if two[0]["person_id"] is None or two[0]["person_id"] != two[1]["person_id"]:
        yield from apart.words_between(of.lake, *theirs, at=of.at)


def _why_not(
    of: Moment, first: Mapping[str, Any], second: Mapping[str, Any], facts: dict[str, Any]
) -> Iterator[str]:
    """What breaks the shortest chain of events between two identifiers."""
    a, b = first["identifier_key"], second["identifier_key"]
    chain = links.chain(of.lake, a, b, at=of.at) or []
    keys = {a, b, *(key for hop in chain for key in (hop.one, hop.other))}
    known = _described(of, keys)
    facts["chain"] = [links.hop_facts(hop, known) for hop in chain] or None
    rules = links.rules_of(of.lake, of.config, keys, at=of.at)
    found = apart.crowds(of.lake, of.config, known)
    told = set()
    for key in dict.fromkeys((a, *(hop.other for hop in chain), b)):
        state = known[key]["state"] if key in known else None
        if state in ("hub", "neutral", "blocked"):
            told.add(key)
            met = (key, chain[0].by if chain else links.NOTHING)
            why = apart.why_apart(of.lake, known[key], met, rules, of.config, found.get(key))
            yield f"{links.name_in(known, key)}: {why}."
    if not chain and not told:
        yield (
            f"No chain of up to {links.MOST_STEPS} events leads from one to the other: nothing "
            "that was seen with the one was seen with the other."
        )
    if facts["is_one_person"]:
        yield from (said for hop in chain for said in _ended(hop, known, rules))
    for hop in chain:
        persons = {known[key]["person_id"] for key in (hop.one, hop.other) if key in known}
        if len(persons) > 1 and not told & {hop.one, hop.other}:
            met = (hop.one, hop.by)
            why = apart.why_apart(of.lake, known[hop.other], met, rules, of.config, None)
            names = [links.name_in(known, key) for key in (hop.one, hop.other)]
            yield f"{names[0]} and {names[1]}: {why}."


def _ended(
    hop: links.Hop, known: Mapping[str, Mapping[str, Any]], rules: links.Rules
) -> Iterator[str]:
    """That a link had ended at the moment, whatever renewed it later."""
    for key in (hop.one, hop.other):
        ends = rules.ends(hop.by, key) if key in hop.by.keys else None
        if ends is not None and ends <= rules.at:
            yield (
                f"{links.name_in(known, key)}: it was last seen so long before that the link had "
                f"ended on {moment(ends)}."
            )


def _described(of: Moment, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What is known of identifiers as of the moment: what is nobody's since later is not yet."""
    return {key: then(one, of.at) for key, one in who.described(of.lake, keys).items()}


def then(one: dict[str, Any], at: datetime) -> dict[str, Any]:
    """An identifier as it was at a moment before it became nobody's: whose it was until then."""
    since = one["neutral_from_at"]
    if one["state"] == "neutral" and since is not None and as_utc(since) > at:
        return {**one, "state": "linked" if one["person_id"] else one["state"]}
    return one


def _one_identifier(of: Moment, text: str) -> dict[str, Any]:
    found = who.find(of.lake, text, of.config)
    if found.kind != "identifier":
        raise WhoUnknown(f"{visible(text)} is no identifier; a path leads between two of those.")
    matched = [then(dict(one), of.at) for one in found.matched]
    linked = [one for one in matched if one["state"] == "linked"]
    one = (linked or matched)[0]
    return {**one, "called": who.called(one)}


def _root(found: Who, mine: set[str]) -> str | None:
    """The identifier from which paths are shown: the one asked for, else the person's first."""
    asked = [one["identifier_key"] for one in found.matched if one["identifier_key"] in mine]
    minted = (found.person_id or "")[2:]
    return next(iter([*asked, *([minted] if minted in mine else []), *sorted(mine)]), None)


def _matched(of: Moment, one: dict[str, Any]) -> dict[str, Any]:
    now = then(one, of.at)
    found = apart.crowds(of.lake, of.config, {now["identifier_key"]: now})
    return {
        **now,
        "called": who.called(now),
        "state_says": apart.state_words(now, found.get(now["identifier_key"]), of.config),
    }


def located(lake: str | None, config: Config) -> str:
    """Where the lake lies: as named, else as configured."""
    return lake if lake is not None else config.location
