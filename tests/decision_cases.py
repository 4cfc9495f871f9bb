"""Cases of what may be said to whom, by their numbers, as `golden/decision_cases.json` has them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parent / "golden" / "decision_cases.json"
CASES = {case["id"]: case for case in json.loads(GOLDEN.read_text(encoding="utf-8"))["cases"]}


def given(name: str) -> dict[str, Any]:
    """What a case begins with."""
    return CASES[name]["input"]


def moment(text: str) -> datetime:
    """A time as cases write it, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
