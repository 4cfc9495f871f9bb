"""What a run says of itself: nothing that was done by it or before it goes untold."""

from __future__ import annotations

from typing import Any

from tactful.jobs.commands.answers import Answer


def told(capsys: Any, **facts: Any) -> str:
    """What people read of a run."""
    whole = {"read_rows": 0, "accepted_rows": 0, "would_tell": None, "finished_batches": []}
    Answer(as_json=False).run({**whole, **facts})
    return str(capsys.readouterr().out)


def test_a_run_says_which_batch_of_a_run_before_it_finished(capsys) -> None:
    begun = [{"query": "fused", "batch_id": 3}]
    said = "Finished batch 3 of query fused, which a run before had begun"
    text = told(capsys, finished_batches=begun)
    assert f"{said}, with rows that it had read and counted." in text
    assert f"{said}.\n" in told(capsys, finished_batches=begun, read_rows=5)
    quiet = told(capsys)
    assert "Finished" not in quiet and "finished batches" not in quiet
