"""One line for what broke a query, whichever stack it lies under."""

from __future__ import annotations

import pytest

from tactful.jobs.errors import ConfigurationChanged, StepFailed
from tactful.jobs.runs.failures import failure
from tactful.jobs.runs.pipeline import READ_AGAIN
from tactful.jobs.runs.telling import say_changed

PYTHON = (
    "[FOREACH_BATCH_USER_FUNCTION_ERROR] An error occurred. Return Message: "
    'Traceback (most recent call last):\n  File "x.py", line 1, in y\n    z()\n'
)
JAVA = (
    "py4j.protocol.Py4JJavaError: An error occurred while calling o1.save.\n"
    ": org.apache.spark.SparkException: Job aborted\n\tat a.b(C.java:1)\n"
    "Caused by: java.io.IOException: No space left on device\n"
    "\tat java.base/java.lang.Thread.run(Thread.java:840)\n\t... 3 more"
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{PYTHON}{JAVA}\n SQLSTATE: 39000", "java.io.IOException: No space left on device"),
        (f"{PYTHON}ValueError: no such day\n SQLSTATE: 39000", "ValueError: no such day"),
        (
            f"{PYTHON}pyspark.errors.AnalysisException: [NO_SUCH] There is no column x;\n"
            "'Aggregate ['x]\n+- LogicalRDD [y#1: a.b], false\n SQLSTATE: 39000",
            "pyspark.errors.AnalysisException: [NO_SUCH] There is no column x",
        ),
        (
            "[STREAM_FAILED] Query [id = a, runId = b] terminated with exception: "
            "[STATE_LOST] The state is not there: look again\nIdentifier: land_web",
            "[STATE_LOST] The state is not there: look again",
        ),
    ],
)
def test_the_first_cause_is_told_in_one_line(text: str, said: str) -> None:
    told = failure("fused", Exception(text))
    assert isinstance(told, StepFailed)
    assert str(told).startswith("Query fused failed (") and said in str(told)
    assert "\n" not in str(told) and "Thread.java" not in str(told)


def test_an_error_of_ours_keeps_its_class_and_exit_code() -> None:
    ours = "tactful.jobs.errors.ConfigurationChanged: Batch 3 was begun: finish it"
    told = failure("fused", Exception(f"{PYTHON}{ours}\n SQLSTATE: 39000"))
    assert isinstance(told, ConfigurationChanged)
    assert str(told) == "Batch 3 was begun: finish it"


def test_a_run_for_ever_tells_of_a_source_once_a_change() -> None:
    said: list[str] = []
    failed: dict[str, str] = {}
    for now in ({"web": "a"}, {"web": "a"}, {"web": "b", "shop": "c"}, {"shop": "c"}, {}):
        failed = say_changed(failed, now, said.append, READ_AGAIN)
    assert said == [
        "a", "c", "b", "Source web is read again as a whole.",
        "Source shop is read again as a whole.",
    ]  # fmt: skip
