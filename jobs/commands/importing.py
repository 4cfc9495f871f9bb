"""The command `import`: what it was asked for, checked before anything starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tactful.jobs.errors import ListRefused
from tactful.jobs.imports import audience_list, link_list, suppression_list
from tactful.jobs.imports.lists import read_columns, read_list
from tactful.jobs.runs import pipeline
from tactful.jobs.settings.config import Config
from tactful.schemas.words import CHANNELS, MANUAL_LINK_TYPES
from tactful.transforms.sources import DIALECTS, ListForm

NEXT = "The next run decides by it: tactful run."


def import_file(
    config: Config,
    path: Path,
    *,
    type_: str | None,
    audience: str | None,
    channel: str | None,
    at: datetime | None,
    columns: Sequence[str],
    on_progress: Callable[[str], None],
    dialect: str | None = None,
) -> Mapping[str, Any]:
    """Take a list in as events of a type, or as the members of a destination's audience.

    Raises: ListRefused, before anything starts, where it cannot be understood.
    """
    if (type_ is None) == (audience is None):
        raise ListRefused(
            "Say what the list is, and only one: --as with what happened to those in it, such as "
            "unsubscribed, or --audience with the destination whose audience they are in."
        )
    named = columns_named(columns)
    form = _form(dialect, type_, channel)
    if audience is not None:
        if channel or at:
            raise ListRefused(
                "--channel and --at say where and when something was said; an audience has neither."
            )
        destination = audience_list.destination_named(config, audience)
        people = read_list(path, config, named=named)
        with pipeline.taken(config, on_progress) as lake:
            return audience_list.import_audience(lake, config, people, destination, on_progress)
    if type_ in MANUAL_LINK_TYPES:
        if channel:
            raise ListRefused(
                f"--channel says where somebody opted out; --as {type_} is about no channel."
            )
        pairs = read_columns(path, named=named, needed=link_list.PAIR, also=link_list.ALSO)
        with pipeline.taken(config, on_progress) as lake:
            return link_list.import_links(
                lake, config, pairs, type_=type_, at=at, on_progress=on_progress
            )
    if type_ not in suppression_list.STREAM_OF:
        allowed = ", ".join((*suppression_list.STREAM_OF, *MANUAL_LINK_TYPES))
        raise ListRefused(f"--as {type_} is nothing that a list can say; allowed: {allowed}.")
    if channel is not None and channel not in CHANNELS:
        raise ListRefused(f"--channel {channel} is none; allowed: {', '.join(CHANNELS)}.")
    also = (*suppression_list.ALSO, *(form.columns if form else ()))
    people = read_list(path, config, named=named, also=also)
    if form and not set(form.columns) & set(people.columns):
        raise ListRefused(
            f"{path} has none of the columns by which {dialect} tells what is said "
            f"({', '.join(form.columns)}); read it without --dialect."
        )
    with pipeline.taken(config, on_progress) as lake:
        return suppression_list.import_suppressions(
            lake, config, people, type_=type_, channel=channel, at=at, form=form,
            on_progress=on_progress,
        )  # fmt: skip


def _form(dialect: str | None, type_: str | None, channel: str | None) -> ListForm | None:
    """How another system writes its lists. Raises: ListRefused."""
    if dialect is None:
        return None
    known = {name: d.lists for name, d in DIALECTS.items() if d.lists}
    if dialect not in known:
        raise ListRefused(
            f"--dialect {dialect} has no form of its own for lists; allowed: {', '.join(known)}; a "
            "list of identifiers is read by its headers, without --dialect."
        )
    if type_ not in suppression_list.STREAM_OF:
        allowed = ", ".join(suppression_list.STREAM_OF)
        raise ListRefused(f"--dialect tells what people have said; --as is one of {allowed}.")
    if channel:
        raise ListRefused(
            f"{dialect} says itself which channel a row is about; leave out --channel."
        )
    return known[dialect]


def columns_named(columns: Sequence[str]) -> dict[str, str]:
    """The headers that --column names, by what they hold. Raises: ListRefused."""
    return dict(_named(column) for column in columns)


def _named(column: str) -> tuple[str, str]:
    kind, sign, header = column.partition("=")
    if not (kind and sign and header):
        raise ListRefused(f'--column {column} says nothing; write --column email="E-Mail".')
    return kind, header
