"""What forbids a run, looked at before anything is written; on a local lake before Spark starts."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from pyspark.sql import SparkSession

from tactful.jobs.errors import (
    LakeError,
    PathRefused,
    ReplayHalfDone,
    SessionUnfit,
    SourceMissing,
    SparkNotStarted,
)
from tactful.jobs.intake.landing_files import JAVA_ERRORS
from tactful.jobs.intake.work import is_begun, query_name
from tactful.jobs.lake import secret, systems
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
from tactful.jobs.sending.outbox import lake_of_outbox
from tactful.jobs.session import open_session
from tactful.jobs.settings.config import Config

LAKE = "lake.location"


def refuse(lake: Lake, config: Config) -> None:
    """Refuse what a run would only find out about half-way.

    lake: without a session it must be one of this machine's; what lies elsewhere is passed over.

    Raises: LakeError.
    """
    refuse_sending(config)
    refuse_missing_sources(lake, config)
    refuse_lake(lake, config)


def refuse_sending(config: Config) -> None:
    """Refuse to send what this process could not read when its turn comes. Raises: LakeError."""
    if config.is_any_sent:
        lake_of_outbox(config)


def refuse_paths(spark: SparkSession, config: Config) -> None:
    """Refuse a path that this Spark cannot use, or that not all of it would find.

    Raises: PathRefused.
    """
    for key, path in _paths(config).items():
        if why := systems.fault(path, spark):
            raise PathRefused(f"{key} is {path}, which {why}.")
    schema = config.lake.tables_in
    if schema is not None and (why := systems.catalog_fault(schema, spark)):
        raise PathRefused(f"lake.catalog is {config.lake.catalog}, {why}.")
    is_here = files_here(config.location) is not None and not systems.is_shared(config.location)
    if is_here and (strays := systems.stray_executors(spark)):
        raise PathRefused(
            f"lake.location is {config.location}, a disk of this machine, which Spark's executors "
            f"on {', '.join(strays)} do not reach; put the lake where all of them do, such as an "
            "object store."
        )


def refuse_as_run_would(config: Config, say: Callable[[str], None]) -> list[str]:
    """Refuse what a run would; Spark is started only where something lies elsewhere.

    Returns a sentence on each thing that was not looked at, or that passes by itself.
    Raises: LakeError.
    """
    is_here = files_here(config.location) is not None
    refuse_sending(config)
    if is_here:
        refuse_lake(Lake(None, config.location), config)
    else:
        secret.find(config.location, config.lake.secret)
    paths = _paths(config)
    elsewhere = [key for key, path in paths.items() if files_here(path) is None]
    elsewhere += ["lake.catalog"] if config.lake.tables_in else []
    told = []
    if elsewhere:
        try:
            say("starting Spark, to look at what lies elsewhere")
            spark = open_session(connectors=config.connectors)
        except (SessionUnfit, SparkNotStarted) as error:
            return [f"What lies elsewhere was not looked at ({', '.join(elsewhere)}): {error}"]
        refuse_paths(spark, config)
        lake = Lake(spark, config.location, tables_in=config.lake.tables_in)
        refuse_lake(lake, config)
        told = [
            f"{key} does not exist: {paths[key]}."
            for key in elsewhere
            if key in paths and key != LAKE and _is_missing(lake, paths[key])
        ]
    holder = (files_here(config.location) or lake.store).holder()
    return [*told, *([str(holder.error(config.location))] if holder else [])]


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


def refuse_lake(lake: Lake, config: Config, *, is_ours: bool = False) -> None:
    """Refuse a lake that this configuration must not write to, or whose checkpoints are unfit.

    is_ours: whether this run holds the lake already, so that nobody else is at work on it.
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
    is_at_work = not is_ours and lake.store.holder() is not None
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

    Raises: LakeHeld.
    """
    here = files_here(location)
    holder = here.holder() if here is not None else None
    if holder is not None:
        raise holder.error(location)


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


def _paths(config: Config) -> dict[str, str]:
    """Where the lake, the sources and the reference tables lie, each by its key."""
    return {
        LAKE: config.location,
        **{f"sources.{name}.path": path for name, path in config.folders.items()},
        **{f"reference.{name}.path": config.reference_path(name) for name in config.reference},
    }


def _is_missing(lake: Lake, path: str) -> bool:
    """Whether there is no such folder; one that cannot be looked at harms its own source alone."""
    if files_here(path) is None and lake.spark is None:
        return False
    try:
        source = files_at(path, lake.spark)
        return not source.exists(source.location)
    except (OSError, *JAVA_ERRORS):
        return False
