"""Everything that can go wrong on purpose: one tree, each with the exit code of its command.

A message is one sentence: what happened, where, and what to do about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class TactfulError(Exception):
    """Raised where Tactful stops knowingly; a command prints its message and no traceback."""

    exit_code = 1


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a configuration: where, what was found, what is allowed."""

    file: str
    key: str
    found: str
    allowed: str
    hint: str = ""

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        place = f"{self.file}: {self.key}" if self.key else self.file
        return f"{place}: found {self.found}; allowed: {self.allowed}{hint}"


class ConfigError(TactfulError):
    """Raised when a configuration cannot be used; holds every problem, not only the first."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        lines = [str(problem) for problem in self.problems]
        if len(lines) > 1:
            lines = [f"{len(lines)} configuration errors:", *(f"  {line}" for line in lines)]
        super().__init__("\n".join(lines))


class LakeError(TactfulError):
    """Raised when a lake is missing, damaged, or not what the command expects; base of the next."""

    exit_code = 2


class WhoUnknown(TactfulError):
    """Raised when a question is about somebody whom a lake does not know, or about several."""


class NotYetKnown(TactfulError):
    """Raised when a question is about a time of which a lake knows nothing."""


class SendingHeld(LakeError):
    """Raised where another process sends the same outbox."""

    exit_code = 1


class LakeTooNew(LakeError):
    """Raised when a newer version of Tactful made the lake."""


class IdentityChanged(LakeError):
    """Raised when the identity section differs from the one the lake was stitched with."""


class ConfigurationChanged(LakeError):
    """Raised when an unfinished batch would be repeated under another configuration."""


class TooManyRecords(LakeError):
    """Raised when a changed rule would tell a destination of more records than were agreed to."""


class DestinationMoved(LakeError):
    """Raised when a destination that holds somebody is configured as another one."""


class ListRefused(LakeError):
    """Raised when a list that is to be imported cannot be understood as what it is said to be."""


class CampaignUnknown(LakeError):
    """Raised when nobody says what a campaign is that a list is to be screened for."""


class LinkRefused(LakeError):
    """Raised when what somebody says of two identifiers cannot be right."""


class PathRefused(LakeError):
    """Raised where Spark, or a part of it, does not find what lies at a path."""


class LakeHeld(LakeError):
    """Raised where another run holds a lake."""


class LeaseLost(LakeError):
    """Raised where a run that held a lake holds it no more, so that nothing more is written."""

    exit_code = 1


class LakeDamaged(LakeError):
    """Raised when one of the lake's own small files cannot be understood."""


class ReplayHalfDone(LakeError):
    """Raised when a replay was begun and has not come to its end, so that rows may be missing."""


class SecretRefused(LakeError):
    """Raised when the secret is missing, too short, or not the one the lake was made with."""


class CheckpointMismatch(LakeError):
    """Raised when a checkpoint belongs to another query or another lake."""


class ClockError(LakeError):
    """Raised when `--as-of` lies before the lake's last decision clock, or has no time zone."""


class SessionUnfit(LakeError):
    """Raised when the Spark session lacks what the tables need and can no longer be given it."""


class SparkNotStarted(TactfulError):
    """Raised when Spark's process did not come up; holds all that it printed."""

    def __init__(self, message: str, printed: str = "") -> None:
        self.printed = printed
        super().__init__(message)


class SourceMissing(LakeError):
    """Raised when the path of a configured source does not exist."""


class StepFailed(TactfulError):
    """Raised when a step of a run failed; its batch is repeated whole by the next run."""


class QualityUnavailable(TactfulError):
    """Raised when what holds tables against expectations is not installed here."""


class QualityGate(TactfulError):
    """Raised when something waits since a table breaks an expectation that must hold."""

    exit_code = 3
