"""The command `screen`: what it was asked for, checked before anything is read."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.markup import escape

from tactful.jobs.commands.answers import counted, fact_table
from tactful.jobs.commands.importing import columns_named
from tactful.jobs.commands.tables_here import lake_here, state_here
from tactful.jobs.errors import CampaignUnknown, LakeError, ListRefused
from tactful.jobs.imports.lists import PeopleList, read_list
from tactful.jobs.lake import secret
from tactful.jobs.report.lake_view import open_lake
from tactful.jobs.screen.campaign import look_up, refused, unheard_of
from tactful.jobs.screen.screening import FORMS, screen
from tactful.jobs.settings.config import Config

# What has lines of its own.
LISTED = ("reasons", "notes")
READS = (
    "identity", "suppressions", "messages", "customers", "products", "campaigns", "assignments",
    "clicks", "context", "_log/ticks",
)  # fmt: skip


def screen_file(
    config: Config,
    campaign_id: str,
    path: Path,
    *,
    told: Mapping[str, Any],
    columns: Sequence[str],
    at: datetime | None,
    out: Path | None,
    is_printed: bool,
) -> dict[str, Any]:
    """Say which rows of a list must not get a campaign now, in a file or printed.

    told: what is said of the campaign here, by the names of `Campaign`. at: another moment than
    now. is_printed: whether rows are printed where no file is named.

    Raises: ListRefused, CampaignUnknown, LakeError, SecretRefused.
    """
    location = lake_here(config.location)
    if why := refused(told):
        raise CampaignUnknown(why)
    _refuse_out(out, path, location)
    people = read_list(path, config, named=columns_named(columns), several=True)
    state = state_here(location, is_configured=True)
    found = secret.find(str(location), config.lake.secret)
    secret.refuse_another(
        found, state["secret_check"], lake_id=state["lake_id"], location=str(location)
    )
    lake = open_lake(location, only=READS)
    if not (location / "_published.json").exists():
        raise LakeError(f"Nothing is published of the lake at {location} yet; run tactful publish.")
    now = at or datetime.now(UTC)
    campaign = look_up(lake, campaign_id, told)
    screened = screen(lake, people, campaign, config, secret=found, now=now)
    if out is not None:
        screened.write(out)
    elif is_printed:
        _print(screened)
    return {
        "campaign": campaign_id,
        "channel": campaign.channel,
        "purpose": campaign.purpose,
        "list": str(path),
        **_with_ragged(screened.counts, people),
        "reasons": _reasons(screened.reasons, people),
        "unasked": screened.unasked,
        "notes": [*_ragged(people), *unheard_of(lake, campaign)],
        "at": now.isoformat(),
        "known_until": lake.as_of.isoformat() if lake.as_of else None,
        "out": str(out) if out else None,
    }


def lines(facts: Mapping[str, Any]) -> Iterator[Any]:
    """The answer for people."""
    yield fact_table({name: value for name, value in facts.items() if name not in LISTED})
    for reason, rows in facts["reasons"].items():
        yield f"{counted(rows, 'row')} withheld: {escape(reason)}"
    yield from (f"[yellow]{escape(note)}[/]" for note in facts["notes"])
    if facts["unasked"]:
        yield f"[yellow]{escape(_unasked(facts['unasked'], facts['channel']))}[/]"


def _with_ragged(counts: Mapping[str, int], people: PeopleList) -> dict[str, int]:
    """Rows that nobody can read are withheld like others, since nobody knows whom they name."""
    ragged = people.ragged["ragged"]
    return {**counts, "rows": counts["rows"] + ragged, "withheld": counts["withheld"] + ragged}


def _reasons(reasons: Mapping[str, int], people: PeopleList) -> dict[str, int]:
    ragged = people.ragged["ragged"]
    return {**({"ragged": ragged} if ragged else {}), **reasons}


def _ragged(people: PeopleList) -> Iterator[str]:
    """Which rows nobody can read: they are not screened, and not among those that come back."""
    told, count = people.ragged["ragged_rows"], people.ragged["ragged"]
    for line in told:
        yield f"{line[0].upper()}{line[1:]}: withheld, and not among the rows that come back."
    if count > len(told):
        yield f"So are {count - len(told):,} more that have more or fewer fields than their header."


def _unasked(rows: int, channel: str) -> str:
    """That silence holds nothing back: it may be known from elsewhere who consented."""
    return (
        f"Of {counted(rows, 'row')} that may get it nobody said yes or no to marketing by "
        f"{channel}, and by [consent] default silence is no consent: screening holds back "
        "refusals, not silence, and what [[activate]] says would not be said to them; send to them "
        "only if you know of their consent from elsewhere."
    )


def _refuse_out(out: Path | None, path: Path, lake: Path) -> None:
    if out is None:
        return
    if out.suffix.lower() not in FORMS:
        raise ListRefused(f"--out {out}: its name has to end in {', '.join(FORMS)}.")
    whole = out.resolve()
    if whole == path.resolve():
        raise ListRefused(f"--out {out} is the list itself; name another file.")
    if whole.is_relative_to(lake.resolve()):
        raise ListRefused(
            f"--out {out} lies in the lake, which is not written; name another place."
        )
    if not whole.parent.is_dir():
        raise ListRefused(f"There is no folder {whole.parent} to write {out.name} to.")


def _print(screened: Any) -> None:
    with tempfile.TemporaryDirectory(prefix="tactful-") as folder:
        file = Path(folder, "rows.csv")
        screened.write(file)
        with open(file, encoding="utf-8", newline="") as rows:
            shutil.copyfileobj(rows, sys.stdout)
