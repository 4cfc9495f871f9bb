"""Sent: what the demo tells the two networks goes to doubles of them on this machine, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import datetime
from typing import Any

from tactful.jobs.demo.doubles import SECRET, Double, served
from tactful.jobs.demo.doubles.vendors import Google, Meta
from tactful.jobs.sending.send import send
from tactful.jobs.settings.config import Config

VARIABLE = "TACTFUL_DEMO_KEY"
# What the environment has to hold; only doubles know it.
KEY = {VARIABLE: SECRET}
# Both are asked too often once, and one does what it was told and says that it failed.
MOODS = {"google_exclusions": ("429",), "meta_exclusions": ("500 applied", "429")}
# Doubles need no rest: waits are a hundredth of the usual.
PATIENCE = 0.01


class Picky(Double):
    """Refuses one value in 256, as a vendor refuses what it cannot read."""

    def is_refused(self, texts: Iterable[str]) -> bool:
        return any(len(text) == 64 and text.endswith("00") for text in texts)


class PickyGoogle(Picky, Google):
    """Names the members at fault, and takes none of that call."""


class PickyMeta(Picky, Meta):
    """Counts what it did not take, and does not say which."""


DOUBLES: dict[str, type[Double]] = {
    "google_exclusions": PickyGoogle,
    "meta_exclusions": PickyMeta,
}


def send_to_doubles(
    config_with: Callable[[list[dict[str, Any]]], Config],
    destinations: Iterable[dict[str, Any]],
    *,
    at: datetime,
    on_progress: Callable[[str], None],
) -> dict[str, Any]:
    """Send the outbox to the doubles; by destination what became of it.

    config_with: the demo's configuration with other entries of destinations. destinations: its own
    ones. at: the moment at which all is sent, in the demo's own time.
    """
    with ExitStack() as open_doubles:
        entries = []
        for entry in destinations:
            told = dict(entry)
            if entry["name"] in DOUBLES:
                double = DOUBLES[entry["name"]]()
                double.moods.extend(MOODS[entry["name"]])
                url = open_doubles.enter_context(served(double))
                told |= {
                    "deliver": "http", "endpoint": url, "credential": f"env:{VARIABLE}",
                    "allow_private": True,
                }  # fmt: skip
            entries.append(told)
        config = config_with(entries)
        return send(
            config,
            environ=KEY,
            now=lambda: at,
            patience=PATIENCE,
            on_progress=on_progress,
        )
