"""The command `link`: what somebody of the business says of two identifiers, checked first."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.markup import escape

from tactful.jobs.errors import LinkRefused
from tactful.jobs.imports import link_list
from tactful.jobs.imports.link_list import Identifier, written
from tactful.jobs.imports.lists import identifier_words, without_separators
from tactful.jobs.runs import pipeline
from tactful.jobs.settings.config import Config
from tactful.schemas.words import ALWAYS, NEVER, WITHDRAWN
from tactful.transforms.blanks import BLANKS

SOURCE = "tactful link"
SAYS = {
    ALWAYS: "{author} says that {who} and {other} are one customer",
    NEVER: "{author} says that {who} and {other} are never one customer",
    WITHDRAWN: "{author} takes back what was said of {who} and {other}",
}


def link(
    config: Config,
    who: str,
    other: str,
    *,
    reason: str | None,
    author: str | None,
    never: bool,
    withdraw: bool,
    at: datetime | None,
    on_progress: Callable[[str], None],
) -> Mapping[str, Any]:
    """Land the word of somebody of the business that two identifiers are one customer, or never.

    never: that they never are. withdraw: that neither is said any more. at: when it was said, else
    now.

    Raises: LinkRefused, before anything lands, where it cannot be right.
    """
    if never and withdraw:
        raise LinkRefused("--never and --withdraw are two words on the two; say one of them.")
    now = datetime.now(UTC)
    one, two = (_identifier(text, config) for text in (who, other))
    if not (reason or "").strip(BLANKS):
        raise LinkRefused("Nobody can judge a word without its reason; say it: --reason TEXT.")
    if at is not None and at > now:
        raise LinkRefused(
            f"--at {at.isoformat()} has not come yet; it is {now.isoformat(timespec='seconds')}."
        )
    event = {
        "type": NEVER if never else WITHDRAWN if withdraw else ALWAYS,
        "occurred_at": (at or now).isoformat(),
        "author": _author(author),
        "reason": reason,
        "source": SOURCE,
    }
    if len(json.dumps([event, one, two])) > config.intake.max_row_bytes // 2:
        raise LinkRefused("That is more than a row of the lake may hold; say it in fewer words.")
    with pipeline.taken(config, on_progress) as lake:
        landed = link_list.say(lake, config, one, two, event)
    return {
        "event_id": landed.event_id,
        "who": written(one),
        "other": written(two),
        "unseen": [written(identifier) for identifier in landed.unseen],
        "is_of_nothing": landed.is_of_nothing,
        **event,
    }


def lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """What was said, in one line, and when it holds."""
    said = SAYS[facts["type"]].format(**facts)
    yield escape(f"{said} ({facts['reason']}); the next run applies it: tactful run.")
    for named in facts["unseen"]:
        yield escape(
            f"No event that a run has taken in carries {named}: the word does nothing until one "
            "does; look whether it is written as your events write it."
        )
    if facts["is_of_nothing"]:
        yield (
            "Nothing was said of the two in any run so far, so this takes back at most what has "
            "landed since."
        )


def _identifier(text: str, config: Config) -> Identifier:
    kind, sign, value = text.partition(":")
    words = identifier_words(config)
    if not sign:
        raise LinkRefused(
            f'"{text}" names no identifier; write TYPE:VALUE, such as email:ann@x.io.'
        )
    meant = words.get(without_separators(kind))
    if meant is None:
        known = ", ".join(dict.fromkeys(words.values()))
        raise LinkRefused(
            f'"{text}": {kind or "nothing"} is no type of identifier; allowed: {known}.'
        )
    return {"type": meant, "value": value.strip(BLANKS)}


def _author(named: str | None) -> str:
    """Who says so: as named, else who is logged in here."""
    try:
        author = (getpass.getuser() if named is None else named).strip(BLANKS)
    except (OSError, KeyError):
        author = ""
    if not author:
        raise LinkRefused("Nobody is named who says so; name them: --author NAME.")
    return author
