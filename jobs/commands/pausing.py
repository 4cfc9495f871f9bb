"""The command `pause`: stop speech within a batch, and let it go on again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tactful.jobs.errors import ConfigError, LakeError, Problem
from tactful.jobs.lake.files import Files, files_at, files_here
from tactful.jobs.lake.state import read_state
from tactful.jobs.runs.pausing import ALL, pause, paused
from tactful.jobs.settings.config import Config

NAMES_SHOWN = "every policy"


def change(config: Config, policy: str | None, *, resume: bool) -> Mapping[str, Any]:
    """Pause a policy, or all; or let it, or all, speak again.

    Raises: ConfigError, where no policy has that name; LakeError, where there is no lake.
    """
    files = files_here(config.location) or _files_elsewhere(config)
    if read_state(files, known={}) is None:
        raise LakeError(f"There is no lake at {config.location}; start one with: tactful run.")
    known = [one.name for one in config.activate]
    before = {*paused(files)}
    if policy is not None and policy not in known and policy not in before:
        allowed = ", ".join(known) or "none: [[activate]] has no entry"
        raise ConfigError([Problem("command line", "POLICY", policy, allowed)])
    if resume and policy is not None and ALL in before:
        # Of all that is paused one is let go: the others stay.
        before = {*known}
    named = {ALL} if policy is None else {policy}
    after = before | named if not resume else set() if policy is None else before - named
    return {"paused": [*pause(files, after)]}


def _files_elsewhere(config: Config) -> Files:
    from tactful.jobs.runs import may_run
    from tactful.jobs.session import open_session

    spark = open_session()
    may_run.refuse_paths(spark, config)
    return files_at(config.location, spark)


def lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """What is paused now, in words."""
    names = facts["paused"]
    if not names:
        yield "Nothing is paused; what is due is said by the next batch."
        return
    whom = NAMES_SHOWN if ALL in names else ", ".join(names)
    yield f"Paused: {whom}. The next batch says nothing of it; suppressions go on."
    yield "What was handed over ahead of its moment is called back, where its receiver does that."
    yield "Let it speak again with: tactful pause --resume."
