"""What `check` tells of what is never said, or otherwise than is meant."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tactful.jobs.commands.unsaid import unsaid
from tactful.jobs.settings.config import load

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CAMPAIGNS = [{"campaign_id": "xmas", "ends_at": "2025-12-24T00:00:00Z"}]
PRODUCTS = [{"sku": "coffee", "replenish_days": 7}, {"sku": "pan"}]
LIVE = "[[destinations]]\nname = 'd'\nkind = 'file'\npolicy = 'one'\n"


def speaks(when: str, more: str = "", channels: tuple[str, ...] = ("email",)) -> str:
    told = f"when = '{when}'\nchannels = {json.dumps(channels)}\n{more}\n"
    return f"[[activate]]\nname = 'one'\n{told}"


STARTS = "starts_at = 2026-01-01T00:00:00Z"
CASES = {
    "over": (
        "[reference.campaigns]\npath = 'c'\n"
        + speaks("campaign", f"campaign_id = 'xmas'\n{STARTS}"),
        "when its campaign xmas is over",
    ),
    "gap": (
        "[plans]\nmin_gap = '40d'\n" + speaks("welcome", "expires = '1h'"),
        "no longer may activate.one be said",
    ),
    "lead": (
        "[plans]\nmin_gap = '1h'\n" + speaks("welcome", "expires = '2h'\nlead = '2h'"),
        "lead, 2 hours, is no shorter than",
    ),
    "first": (
        speaks("welcome", "where = \"generation = 'z'\""), "asks for generation at the very moment"
    ),
    "far": (
        LIVE + speaks("welcome", "mode = 'live'\nstarts_at = 2999-01-01T00:00:00Z"),
        "more than a year ahead",
    ),
    "quiet": ("[plans]\nquiet_hours = '22-8'\ndefault_hour = 3\n", "plans.default_hour 3 lies"),
    "held": (
        "[[suppress]]\nname = 'b'\nwhen = 'purchased'\nmatch = 'sku'\nlasts = '14d'\n"
        + speaks("replenishment"),
        "longer than coffee lasts",
    ),
    "behind": (
        "[[caps]]\nname = 'c'\nlimit = 1\nwindow = '7d'\n"
        "relaxed = [{where = 'orders > 5', limit = 9}, {where = 'orders > 5', limit = 7}]\n"
        + speaks("welcome"),
        "caps.c.relaxed.1 is never reached",
    ),
    "address": (
        LIVE + "identifiers = ['email']\n" + speaks("welcome", channels=("sms",)),
        "goes to their phone",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "said"), CASES.values(), ids=CASES)
def test_what_is_never_said_is_told(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "my.toml").write_text(text)
    config = load(tmp_path / "my.toml", needs_secret=False)
    (line,) = unsaid(config, CAMPAIGNS, PRODUCTS, now=NOW)
    assert said in line


def test_nothing_is_told_of_what_is_in_order(tmp_path: Path) -> None:
    text = "[plans]\nquiet_hours = '22-8'\ndefault_hour = 9\n" + LIVE
    text += speaks("welcome", f"mode = 'live'\n{STARTS}\nexpires = '3d'\nlead = '1h'")
    (tmp_path / "my.toml").write_text(text)
    assert [*unsaid(load(tmp_path / "my.toml", needs_secret=False), [], [], now=NOW)] == []
