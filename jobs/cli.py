"""The command `tactful`: the one way in, for a laptop, for spark-submit and for a Databricks task.

What starts Spark is imported inside its command, so that reading commands answer at once.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from tactful.jobs.commands.answers import answering

app = typer.Typer(
    name="tactful",
    help="Decides for every customer what must not be said.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Conf = Annotated[
    Path | None, typer.Option("--conf", metavar="FILE", help="Your configuration, a TOML file.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="One setting, over all files. Repeatable."),
]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="TIME", help="The decision clock, such as 2026-01-31T00:00Z."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one machine-readable summary.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the whole trace of an error.")]
LakeFolder = Annotated[
    Path | None, typer.Option("--lake", metavar="FOLDER", help="The lake, if not as configured.")
]


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--lake", help="Where to build it.")] = Path("demo-lake"),
    seed: Annotated[int, typer.Option(help="What the generated part is drawn from.")] = 2017,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Take a retailer's year through every step; open the report."""
    with answering(as_json=as_json, debug=debug) as answer:
        from tactful.jobs.demo import command

        answer.summary(command.demo(folder, seed=seed, on_progress=answer.progress).as_dict())


@app.command()
def run(
    steps: Annotated[
        list[str] | None, typer.Argument(metavar="STEP...", help="Only these steps.")
    ] = None,
    conf: Conf = None,
    settings: Settings = None,
    as_of: AsOf = None,
    until_caught_up: Annotated[
        bool, typer.Option("--until-caught-up", help="Stop when all is read (the default).")
    ] = False,
    continuous: Annotated[
        str | None, typer.Option(metavar="INTERVAL", help="Go on for ever, such as every 30s.")
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Land what is new, decide what not to say, write the records."""
    with answering(as_json=as_json, debug=debug) as answer:
        clock = _clock(as_of)
        interval = _interval(continuous, until_caught_up=until_caught_up)
        config = _load(conf, settings)
        from tactful.jobs.runs import pipeline

        summary = pipeline.run(
            config,
            as_of=clock,
            continuous=interval,
            steps=tuple(steps or ()),
            on_progress=answer.progress,
        )
        answer.summary(summary.as_dict(), told_beside=("failed_sources",))
        answer.harmed(summary.failed_sources.values())


@app.command()
def check(
    conf: Conf = None, settings: Settings = None, as_json: AsJson = False, debug: Debug = False
) -> None:
    """Tell all configuration errors at once, and idle rules."""
    with answering(as_json=as_json, debug=debug) as answer:
        config = _load(conf, settings)
        from tactful.jobs.runs import may_run
        from tactful.jobs.settings.config import idle

        may_run.refuse_without_session(config)
        notes = [*idle(config), *_absent(config), *_left_out(config)]
        facts = {"configuration": str(conf or "defaults"), "hash": config.hash, "notes": notes}
        answer.checked(facts)


@app.command()
def status(
    lake: LakeFolder = None,
    conf: Conf = None,
    settings: Settings = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show rows, last batches, lag, failures, known persons."""
    with answering(as_json=as_json, debug=debug) as answer:
        from tactful.jobs.commands import status as reading

        config = None if lake is not None and conf is None else _load(conf, settings)
        location = str(lake) if lake is not None else config.location
        sources = None
        if config is not None and config.sources:
            sources = {name: config.path(source.path) for name, source in config.sources.items()}
        answer.shown(reading.status(location, sources, config), reading.render)


@app.command()
def replay(
    from_table: Annotated[
        str, typer.Option("--from", metavar="TABLE", help="Rebuild what follows this table.")
    ],
    conf: Conf = None,
    settings: Settings = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Rebuild what follows from a table, after a rule has changed."""
    with answering(as_json=as_json, debug=debug) as answer:
        clock = _clock(as_of)
        config = _load(conf, settings)
        from tactful.jobs.runs import replay as again

        summary = again.replay(
            config, from_table=from_table, as_of=clock, on_progress=answer.progress
        )
        answer.summary(summary.as_dict())


@app.command()
def tables(
    names: Annotated[list[str] | None, typer.Argument(metavar="TABLE...")] = None,
    options: Annotated[
        bool, typer.Option("--options", help="Every option of the configuration instead.")
    ] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Print what each table holds, or with --options what may be set."""
    with answering(as_json=as_json, debug=debug) as answer:
        if options:
            _print_options(names, as_json=as_json)
            return
        from tactful.jobs.commands.status import table_facts, table_page

        if as_json:
            answer.shown({"tables": table_facts(names or ())}, None)
        else:
            typer.echo(table_page(names or ()))


def _print_options(names: list[str] | None, *, as_json: bool) -> None:
    if names or as_json:
        raise _refused("--options", "a table or --json beside it", "--options alone: it is a page")
    from tactful.jobs.commands.options import option_page

    typer.echo(option_page())


def _load(conf: Path | None, settings: list[str] | None) -> Any:
    from tactful.jobs.settings.config import load

    return load(conf, settings=settings or ())


def _refused(option: str, found: str, allowed: str) -> Exception:
    from tactful.jobs.errors import ConfigError, Problem

    return ConfigError([Problem(option, "", found, allowed)])


def _clock(text: str | None) -> datetime | None:
    """The time of `--as-of`; one without zone would mean another moment on another machine."""
    if text is None:
        return None
    allowed = "an ISO 8601 time with its zone, such as 2026-01-31T00:00:00Z"
    try:
        clock = datetime.fromisoformat(text)
    except ValueError as error:
        raise _refused("--as-of", f'"{text}"', allowed) from error
    if clock.tzinfo is None:
        raise _refused("--as-of", f'"{text}"', allowed)
    return clock


def _interval(text: str | None, *, until_caught_up: bool) -> Any:
    """The interval of `--continuous`, or None to stop when caught up."""
    if text is None:
        return None
    if until_caught_up:
        raise _refused("--continuous", "--until-caught-up beside it", "one of the two")
    from tactful.jobs.settings.models import parse_duration

    try:
        interval = parse_duration(text)
    except ValueError:
        interval = None
    if not interval:
        raise _refused("--continuous", f'"{text}"', "an interval above zero, such as 30s")
    return interval


def _on_disk(place: str) -> str | None:
    """The place as a path of this machine's disks; None where it lies elsewhere."""
    from tactful.jobs.lake.files import files_here

    here = files_here(place)
    return None if here is None else here.location


# A reference table may come later; see `runs/may_run.py`.
_MISSING = {"sources": "; run refuses a source whose folder was never there"}


def _absent(config: Any) -> list[str]:
    """The local paths of sources and reference tables that are not there (yet)."""
    named = {
        **{f"sources.{name}": source.path for name, source in config.sources.items()},
        **{f"reference.{name}": table.path for name, table in config.reference.items()},
    }
    places = {key: _on_disk(config.path(path)) for key, path in named.items()}
    return [
        f"{key}.path does not exist: {place}{_MISSING.get(key.partition('.')[0], '')}."
        for key, place in places.items()
        if place is not None and not os.path.exists(place)
    ]


def _left_out(config: Any) -> list[str]:
    """Who is left out of which audience now, where there is a lake on this machine."""
    place = _on_disk(config.location)
    if place is None or not os.path.exists(place):
        return []
    from tactful.jobs.commands.status import left_out, left_out_lines
    from tactful.jobs.commands.tables_here import Tables

    return [f"{line}." for line in left_out_lines(left_out(Tables(Path(place))))]


def main() -> None:
    """Run the command line; end without an exit where all went well, as wheel tasks expect."""
    try:
        app(prog_name="tactful")
    except SystemExit as end:
        if end.code:
            raise


if __name__ == "__main__":
    main()
