"""Arguments: what stands behind options, read, or refused in one sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any


def load(conf: Path | None, settings: list[str] | None, **how: bool) -> Any:
    """The configuration of a file and of single settings over it."""
    from tactful.jobs.settings.config import load

    return load(conf, settings=settings or (), **how)


def refused(option: str, found: str, allowed: str) -> Exception:
    """The error of an option that is given as it may not be."""
    from tactful.jobs.errors import ConfigError, Problem

    return ConfigError([Problem(option, "", found, allowed)])


def refuse_among(out: Path, lake: Path, option: str = "--out") -> None:
    """Refuse to write among a lake's own files. Raises: ConfigError."""
    from tactful.jobs.settings.places import among

    if lies := among(str(out.resolve()), f"{lake.resolve()}/"):
        allowed = "a file beside the lake's own files"
        raise refused(option, f"{out}, which {lies}", allowed)


@contextmanager
def written(out: Path, option: str = "--out") -> Iterator[None]:
    """Say in one sentence why a file cannot be written. Raises: ConfigError."""
    try:
        yield
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        allowed = "a file where this user may write, on a disk with room"
        raise refused(option, f"{out}, which cannot be written ({why})", allowed) from error


def moment(text: str | None, option: str = "--as-of") -> datetime | None:
    """The time of an option; one without zone would mean another moment on another machine."""
    if text is None:
        return None
    allowed = "an ISO 8601 time with its zone, of 1971 to 2999, such as 2026-01-31T00:00:00Z"
    try:
        clock = datetime.fromisoformat(text)
    except ValueError as error:
        raise refused(option, f'"{text}"', allowed) from error
    if clock.tzinfo is None or not 1971 <= clock.year <= 2999:
        raise refused(option, f'"{text}"', allowed)
    return clock


def refuse_beside(option: str, beside: Mapping[str, Any]) -> None:
    """Refuse an option beside which one of these was given."""
    for other, given in beside.items():
        if given:
            raise refused(option, f"{other} beside it", "one of the two")


def interval(text: str | None, *, beside: Mapping[str, Any]) -> Any:
    """The interval of `--continuous`, or None to stop when caught up.

    beside: what a run for ever has no use for, since it takes all steps at the time that it is.
    """
    if text is None:
        return None
    refuse_beside("--continuous", beside)
    from tactful.jobs.settings.durations import parse_duration

    try:
        span = parse_duration(text)
    except ValueError:
        span = None
    if not span:
        raise refused("--continuous", f'"{text}"', "an interval above zero, such as 30s")
    return span
