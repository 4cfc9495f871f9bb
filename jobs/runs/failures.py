"""Failures: one line for what broke a query, out of pages of Python's and Java's stacks."""

from __future__ import annotations

import re

from tactful.jobs import errors
from tactful.jobs.errors import StepFailed, TactfulError


def failure(name: str, error: Exception) -> TactfulError:
    """One line for what broke a query: Spark wraps a Python error in pages of stack.

    An error of ours keeps its class, and with it the exit code.
    """
    kind, said = cause(str(error))
    ours = getattr(errors, kind.rsplit(".", 1)[-1], None)
    if kind.startswith("tactful.jobs.errors.") and ours is not None:
        return ours(said)
    return StepFailed(
        f"Query {name} failed ({kind}: {said}); its last batch is repeated whole by the next run."
    )


def cause(text: str) -> tuple[str, str]:
    """The class and the words of what went wrong first, out of Python's and Java's stacks."""
    python = re.search(r"Traceback \(most recent call last\):\n(.*?)\n\s*SQLSTATE", text, re.S)
    whole = (python.group(1) if python else text).strip()
    lines = [line for line in whole.splitlines() if not re.match(r"\s*(at |\.\.\. \d+ more)", line)]
    java = [line for line in lines if re.match(r"(Caused by: |: )[\w.$]+", line)]
    named = [line for line in lines if re.match(r"[A-Za-z_][\w.]*: ", line)]
    # Java tells the first cause last, Python its own error last, Spark its own error first. Below
    # a Python error's own line there may be more of its message, such as a plan.
    line = java[-1] if java else (named or lines)[-1] if python else lines[0]
    _, _, inner = line.rpartition(" terminated with exception: ")
    line = re.sub(r"^(Caused by)?: ", "", (inner or line).strip())
    kind, _, said = line.partition(": ")
    return (kind, said) if said and " " not in kind else ("Spark", line)
