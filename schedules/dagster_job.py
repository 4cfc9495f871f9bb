"""Dagster: a run every hour, and what it says of itself in the log of the job.

`tactful` is on the path, and $CONF names the configuration.
"""

import os
import subprocess

import dagster as dg

BAD_CONFIGURATION = 2


@dg.op(retry_policy=dg.RetryPolicy(max_retries=2, delay=300))
def run(context: dg.OpExecutionContext) -> None:
    command = ["tactful", "run", "--conf", os.environ["CONF"], "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    context.log.info(done.stdout)
    if done.returncode:
        # What a run that was broken off has begun, the next one finishes.
        raise dg.Failure(done.stderr, allow_retries=done.returncode != BAD_CONFIGURATION)


@dg.job
def tactful() -> None:
    run()


hourly = dg.ScheduleDefinition(job=tactful, cron_schedule="@hourly")
defs = dg.Definitions(jobs=[tactful], schedules=[hourly])
