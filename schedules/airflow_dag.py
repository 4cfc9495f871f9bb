"""Airflow: a run every hour, one at a time; its folder of DAGs is where this file belongs.

`tactful` is on the worker's path, and $CONF names the configuration.
"""

from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import dag

COMMAND = 'tactful run --conf "$CONF" --json'
AGAIN = {"retries": 2, "retry_delay": timedelta(minutes=5)}


@dag(schedule="@hourly", start_date=datetime(2026, 1, 1), catchup=False, max_active_runs=1)
def tactful() -> None:
    # What a run that was broken off has begun, the next one finishes.
    BashOperator(task_id="run", bash_command=COMMAND, **AGAIN)


tactful()
