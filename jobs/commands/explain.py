"""The command `explain`: an answer as people read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from rich.markup import escape

from tactful.jobs.commands.answers import counted
from tactful.jobs.why.experiments import arm_words
from tactful.jobs.why.links import hop_words
from tactful.jobs.why.planned_words import filled_words, plan_words
from tactful.jobs.why.shared import audience_words, record_words
from tactful.jobs.why.texts import as_utc, moment, visible
from tactful.jobs.why.who import cause_words
from tactful.jobs.why.withheld import (
    event_line,
    pressure_words,
    regret_words,
    suppression_words,
)

MOST_APART = 15
OUTCOME_TIMES = ("sent_at", "delivered_at", "opened_at", "clicked_at", "goal_reached_at")


def plain(value: Any) -> Any:
    """An answer for programs: moments in ISO 8601, UTC."""
    if isinstance(value, Mapping):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, datetime):
        return as_utc(value).isoformat().replace("+00:00", "Z")
    return value


def lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """An answer, heading by heading."""
    if "one" in facts:
        yield from _connection(facts)
        return
    yield from _who(facts)
    if "message" in facts:
        yield from _message(facts["message"])
    if facts.get("decision"):
        yield "[bold]What was decided[/]"
        yield from _several(iter([plan_words(facts["decision"])]))
    if "identity" in facts:
        yield from _identity(facts["identity"])
    if "nobodys" in facts:
        yield from _nobodys(facts["nobodys"])
    if "timeline" not in facts:
        return
    yield from _withheld(facts)
    yield from _planned(facts["plans"], facts["at"])
    yield from _experiments(facts["experiments"])
    yield from _shared(facts)
    yield from _timeline(facts["timeline"])


def _who(facts: Mapping[str, Any]) -> Iterator[str]:
    who = facts["who"]
    person = who["person_id"]
    whose = "nobody" if person is None else person
    if who["kind"] == "message":
        whose = f"a message to {person or 'nobody who is known'}"
    if who["kind"] == "decision":
        whose = f"a decision about {person}"
    if who["is_shared_device"]:
        whose = f"a device that is nobody's ({person})"
    told = f"[bold]{escape(visible(who['asked']))}[/] is {escape(whose)}"
    told += f", as of {moment(facts['at'])} UTC"
    if facts["at"] != facts["as_of"]:
        told += f" (who is who as known on {moment(facts['as_of'])})"
    yield told
    for one in who["matched"]:
        yield escape(f"  known as {one['called']}. {one['state_says']}".rstrip())
    yield from (escape(f"  {sentence}") for sentence in who["became"])


def _nobodys(told: Mapping[str, Any]) -> Iterator[str]:
    """Of an identifier that is nobody's own: what holds for whoever is written to by it."""
    closed = [row for one in told["suppressions"] for row in one["rows"] if row["is_active"]]
    if closed:
        count = counted(len(closed), "suppression")
        yield f"[bold]What must not be said by it[/]: {count} in force"
        yield from _several(suppression_words(row) for row in closed)
    if told["audiences"]:
        yield f"[bold]Who holds it[/]: {counted(len(told['audiences']), 'audience')}"
        yield from (escape(f"  {audience_words(row)}") for row in told["audiences"])
    yield from _told(told["records"])


def _identity(identity: Mapping[str, Any]) -> Iterator[str]:
    count = identity["identifiers_count"]
    yield f"[bold]Who they are[/]: {counted(count, 'identifier')}"
    for one in identity["identifiers"]:
        seen = f"seen {moment(one['first_seen_at'])} to {moment(one['last_seen_at'])}"
        yield escape(f"  {one['called']} ({_state(one)}), {seen}")
        # The steps before it stand below the identifiers that they lead to.
        yield from (escape(f"    linked: {hop_words(hop)}") for hop in one["path"][-1:])
        if one["is_joined_later"]:
            yield "    linked: by nothing that happened until then"
    more = count - len(identity["identifiers"])
    if more > 0:
        yield f"  and {counted(more, 'more identifier')}, some of them seen later"
    apart = identity["apart"]
    if apart:
        yield f"[bold]Kept apart[/]: {counted(len(apart), 'identifier')} seen beside theirs"
    for one in apart[:MOST_APART]:
        yield escape(f"  {one['identifier']}, in {visible(one['event'])}: {one['why']}")
    if len(apart) > MOST_APART:
        yield f"  and {len(apart) - MOST_APART:,} more (all of them with --json)"
    for word in identity["manual_links"]:
        yield escape(f"  {word['says']}")
    for change in identity["changes"]:
        yield escape(
            f"  {change['kind']}: {change['from_person_id'] or 'nobody'} → "
            f"{change['to_person_id'] or 'nobody'}, in the "
            f"run as of {moment(change['changed_at'])}, by "
            f"{cause_words(change['cause_event_id'])} ({change['rule']})"
        )
    changes = identity["changes"]
    yield from _more(changes[0]["all_count"] - len(changes) if changes else 0)


def _state(one: Mapping[str, Any]) -> str:
    if one["state"] == "neutral":
        since = moment(one["neutral_from_at"])
        return f"link ended {since}" if one["is_over"] else f"shared since {since}"
    return str(one["state"])


def _withheld(facts: Mapping[str, Any]) -> Iterator[str]:
    told = facts["suppressions"]
    active, past = (
        [row for row in told["rows"] if row["is_active"] is state] for state in (True, False)
    )
    yield f"[bold]What must not be said[/]: {counted(told['active_count'], 'suppression')} in force"
    if facts["silent"]:
        yield escape(f"  no consent: {facts['silent']['says']}")
    yield from _several(suppression_words(row) for row in active)
    yield from _more(told["active_count"] - len(active))
    ended = told["all_count"] - told["active_count"]
    if ended:
        yield f"[bold]What ended before[/]: {counted(ended, 'suppression')}"
        yield from _several(suppression_words(row) for row in past)
        yield from _more(ended - len(past))
    yield "[bold]How often they were contacted[/]"
    yield from (escape(f"  {pressure_words(row)}") for row in facts["pressure"])
    filled = facts["plans"]["filled"]
    yield from _several(filled_words(row) for row in filled)
    if not facts["pressure"] and not filled:
        yield "  no cap has counted any message of late"
    regrets = facts["regrets"]
    if regrets["all_count"]:
        yield f"[bold]What should not have been sent[/]: {regrets['all_count']:,}"
        yield from _several(regret_words(row) for row in regrets["rows"])
        yield from _more(regrets["all_count"] - len(regrets["rows"]))


def _planned(told: Mapping[str, Any], at: datetime) -> Iterator[str]:
    if not told["all_count"]:
        return
    # What is said next may have been decided after the other tables were published.
    newer = f", as of {moment(told['as_of'])}" if told["as_of"] > at else ""
    yield f"[bold]What is planned for them[/]: {counted(told['open_count'], 'open plan')}{newer}"
    if told["waits"] and told["open_count"]:
        yield f"  [yellow]{escape(told['waits'])}[/]"
    still, past = (
        [row for row in told["rows"] if row["is_final"] is state] for state in (False, True)
    )
    yield from _several(plan_words(row) for row in still)
    yield from _more(told["open_count"] - len(still))
    ended = told["all_count"] - told["open_count"]
    if ended:
        yield f"[bold]What became of other plans[/]: {counted(ended, 'plan')}"
        yield from _several(plan_words(row) for row in past)
        yield from _more(ended - len(past))


def _experiments(told: Mapping[str, Any]) -> Iterator[str]:
    if told["all_count"]:
        yield f"[bold]In experiments[/]: {counted(told['all_count'], 'campaign')}"
        yield from (escape(f"  {arm_words(row)}") for row in told["rows"])
        yield from _more(told["all_count"] - len(told["rows"]))


def _shared(facts: Mapping[str, Any]) -> Iterator[str]:
    yield f"[bold]Who holds them[/]: {counted(len(facts['audiences']), 'audience')}"
    yield from (escape(f"  {audience_words(row)}") for row in facts["audiences"])
    if facts["asked_of_ads"]:
        yield f"  {facts['asked_of_ads']['says']}"
    yield from _told(facts["records"])


def _told(records: Mapping[str, Any]) -> Iterator[str]:
    if records["all_count"]:
        yield f"[bold]What destinations were told[/]: {counted(records['all_count'], 'record')}"
        yield from (escape(f"  {record_words(row)}") for row in records["rows"])
        yield from _more(records["all_count"] - len(records["rows"]))


def _timeline(told: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"[bold]What happened[/]: {counted(told['events_count'], 'event')}, "
        f"{moment(told['first_at'])} to {moment(told['last_at'])}"
    )
    yield from (escape(f"  {event_line(event)}") for event in told["events"])
    if told["pages"] > told["page"]:
        yield f"  page {told['page']:,} of {told['pages']:,}; the next: --page {told['page'] + 1}"
    elif not told["events"] and told["events_count"]:
        yield f"  there are only {told['pages']:,} pages"


def _message(told: Mapping[str, Any]) -> Iterator[str]:
    whose = told["person_id"] or "nobody who is known"
    yield escape(f"Message {visible(told['message_id'])} ({told['purpose']}) to {whose}")
    yield from (escape(f"  {event_line(event)}") for event in told["events"])
    yield from _more(told["events_count"] - len(told["events"]))
    outcome = told["outcome"]
    if outcome is None:
        yield "  nobody told that it was sent, so nothing is its outcome"
        return
    orders = outcome["orders"] or []
    yield f"  {counted(len(orders), 'order')} count for it"
    for order in orders:
        yield escape(
            f"    order {visible(order['order_id'])} of {moment(order['converted_at'])}, "
            f"{order['revenue']:,.2f} {visible(order['currency'] or '', 8)} (by {order['touch']})"
        )
    yield from _judged(told)


def _judged(told: Mapping[str, Any]) -> Iterator[str]:
    regrets = told["regrets"]
    if regrets is None:
        return
    if regrets["rows"]:
        yield "[bold]It should not have been sent[/]"
        yield from _several(regret_words(row) for row in regrets["rows"])
    else:
        yield "[bold]Nothing spoke against it[/] that a rule knows of"
    if told["in_force"]:
        yield "[bold]In force for them when it was sent[/], about this message or others"
        yield from _several(suppression_words(row) for row in told["in_force"])
        yield from _more(told["in_force_count"] - len(told["in_force"]))
    if told["caps"]:
        yield "[bold]How often they had been contacted[/], this message included"
        yield from (escape(f"  {pressure_words(row)}") for row in told["caps"])


def _connection(facts: Mapping[str, Any]) -> Iterator[str]:
    one, other = facts["one"], facts["other"]
    names = f"{escape(one['called'])} and {escape(other['called'])}"
    if facts["path"] is not None:
        if not facts["path"]:
            yield f"{names} are one identifier."
            return
        yield f"[bold]{names} are one customer[/] ({one['person_id']}):"
        yield from (escape(f"  {hop_words(hop)}") for hop in facts["path"])
        yield from (escape(f"  {sentence}") for sentence in facts["words"])
        return
    if facts["is_one_person"]:
        yield f"[bold]{names} are one customer[/] ({one['person_id']}), by events after this time:"
    else:
        yield f"[bold]{names} are not one customer[/]:"
    yield from (escape(f"  {sentence}") for sentence in (*facts["words"], *facts["why_not"]))
    if facts["chain"]:
        yield "The shortest chain of events between them:"
        yield from (escape(f"  {hop_words(hop)}") for hop in facts["chain"])


def _several(groups: Iterator[Iterable[str]]) -> Iterator[str]:
    for first, *rest in groups:
        yield escape(f"  {first}")
        yield from (escape(f"    {line}") for line in rest)


def _more(count: int) -> Iterator[str]:
    if count > 0:
        yield f"  and {count:,} more; see further with --rows"
