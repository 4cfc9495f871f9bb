"""Checks: what is asked of each message alone before it is said, a module each."""

from __future__ import annotations

from tactful.transforms.checks import out_of_context
from tactful.transforms.checks.check import Around, Check

CHECKS: dict[str, Check] = {check.when: check for check in (out_of_context.CHECK,)}

__all__ = ["CHECKS", "Around", "Check"]
