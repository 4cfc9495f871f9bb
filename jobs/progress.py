"""Progress: what a long command is at and how far it is, for whoever watches."""

from __future__ import annotations


class Step(str):
    """One line on what a long command is at; a terminal shows the newest of them, with a clock.

    name: what it is at, which stays the same while it goes on. done, total: how far that is, of how
    much; None where nobody knows. unit: of what, such as tables.
    """

    name: str
    done: int | None
    total: int | None
    unit: str

    def __new__(
        cls,
        line: str,
        *,
        name: str = "",
        done: int | None = None,
        total: int | None = None,
        unit: str = "",
    ) -> Step:
        step = super().__new__(cls, line)
        step.name, step.done, step.total, step.unit = name or line, done, total, unit
        return step

    @property
    def far(self) -> str:
        """How far it is, in words: 3 of 15 tables."""
        if self.done is None:
            return ""
        of = f" of {self.total:,}" if self.total is not None else ""
        return f"{self.done:,}{of} {self.unit}".rstrip()
