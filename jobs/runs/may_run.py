"""What forbids a run, looked at before anything is written; on a local lake before Spark starts."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from tactful.jobs.errors import LakeError, ReplayHalfDone, SourceMissing
from tactful.jobs.intake.landing_files import JAVA_ERRORS
from tactful.jobs.intake.work import is_begun, query_name
from tactful.jobs.lake import secret
from tactful.jobs.lake.files import files_at, files_here
from tactful.jobs.lake.lake import Lake
from tactful.jobs.runs import moved
from tactful.jobs.runs.batches import (
    ACCEPT,
    FUSED,
    GATHER,
    refuse_lost_offsets,
    refuse_other_configuration,
    unfinished,
)
from tactful.jobs.settings.config import Config


def refuse(lake: Lake, config: Config) -> None:
    """Refuse what a run would only find out about half-way.

    lake: without a session it must be one of this machine's; what lies elsewhere is passed over.

    Raises: LakeError.
    """
    refuse_missing_sources(lake, config)
    refuse_lake(lake, config)


def refuse_without_session(config: Config) -> None:
    """Refuse what can be seen without a session: all of a local lake, the secret of any other.

    Raises: LakeError.
    """
    if files_here(config.location):
        refuse_lake(Lake(None, config.location), config)
    else:
        secret.find(config.location, config.lake.secret)


def refuse_missing_sources(lake: Lake, config: Config) -> None:
    """Raises: SourceMissing, where the folder of a source was never there."""
    begun = (lake.state() or {}).get("generations", {})
    for name, path in config.folders.items():
        # A folder that was there once is away, such as a disk; that harms its own source alone.
        if query_name(name) in begun:
            continue
        if _is_missing(lake, path):
            raise SourceMissing(
                f"Source {name} reads {path}, which does not exist; make the folder or correct "
                f"sources.{name}.path."
            )
        here = files_here(path)
        if here is not None and os.path.isfile(here.location):
            raise SourceMissing(
                f"Source {name} reads {path}, which is a file; let sources.{name}.path name the "
                "folder in which its files land."
            )


def refuse_lake(lake: Lake, config: Config) -> None:
    """Refuse a lake that this configuration must not write to, or whose checkpoints are unfit.

    Raises: LakeError.
    """
    lake.check(config)
    state = lake.state()
    if state is None:
        return
    moved.refuse(lake, config)
    landing = filter(partial(is_begun, lake), map(query_name, config.sources))
    for query in (ACCEPT, FUSED, *landing):
        if query in state["generations"]:
            lake.generation(query)
    here = files_here(lake.location)
    is_at_work = here is not None and here.is_locked()
    for query in (ACCEPT, FUSED):
        refuse_lost_offsets(lake, query)
        # What another run is at work on it may well finish.
        half_done = None if is_at_work else unfinished(lake, query)
        if half_done:
            refuse_other_configuration(half_done, query, config.hash)
    gathering = None if is_at_work else unfinished(lake, GATHER)
    if gathering:
        refuse_other_configuration(gathering, GATHER, config.hash)


def refuse_held(location: str) -> None:
    """Refuse a lake of this machine that another run holds now; whoever begins asks once more.

    Raises: LakeError.
    """
    here = files_here(location)
    if here is not None and here.is_locked():
        raise held(location)


def held(location: str) -> LakeError:
    """The error that another run has the lake, for the caller to raise."""
    return LakeError(f"Another run holds the lake at {location}; wait for it, or stop it.")


def trouble(location: str, config: Config | None) -> str | None:
    """What `run` would refuse a lake of this machine for, as a sentence; None where it would not.

    A replay that has not come to its end is told by `status` itself. config: without one, only
    the secret that the lake keeps itself can be looked at.
    """
    lake = Lake(None, location)
    try:
        if config is not None:
            refuse_lake(lake, config)
        elif (Path(location) / secret.SECRET).exists():
            state = lake.state() or {}
            found, known = secret.find(location, "auto"), state.get("secret_check")
            if known is not None:
                secret.refuse_another(found, known, lake_id=state["lake_id"], location=location)
    except ReplayHalfDone:
        return None
    except LakeError as error:
        return str(error)
    return None


def _is_missing(lake: Lake, path: str) -> bool:
    """Whether there is no such folder; one that cannot be looked at harms its own source alone."""
    if files_here(path) is None and lake.spark is None:
        return False
    try:
        source = files_at(path, lake.spark)
        return not source.exists(source.location)
    except (OSError, *JAVA_ERRORS):
        return False
