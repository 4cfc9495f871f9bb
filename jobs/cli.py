"""The command `tactful`: the one way in, for a laptop, for spark-submit and for a Databricks task.

What starts Spark is imported inside its command, so that reading commands answer at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tactful.jobs.commands import arguments
from tactful.jobs.commands.adding import adding
from tactful.jobs.commands.answers import answering
from tactful.jobs.commands.asking import asking
from tactful.jobs.commands.beginning import beginning
from tactful.jobs.commands.help import (
    PUBLISH,
    QUALITY,
    RECONCILE,
    REPLAY,
    RUN,
    SEND,
    examples,
)
from tactful.jobs.commands.parameters import AsJson, AsOf, Conf, Debug, LakeFolder, Settings

app = typer.Typer(
    name="tactful",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

RUN_STOPPED = "Stopped; the next run takes up where this one left off."
PUBLISH_STOPPED = "Stopped; the next run publishes what this one did not."
REPLAY_STOPPED = "Stopped; start the same replay again, run may refuse until it has ended."
QUALITY_STOPPED = "Stopped; nothing was kept of it."
SEND_STOPPED = "Stopped; send again, and it goes on where it was."
DEMO_STOPPED = "Stopped; the next demo begins anew."


def _version(is_asked: bool) -> None:
    if is_asked:
        from tactful.jobs.version import software_version

        typer.echo(f"tactful {software_version()}")
        raise typer.Exit


@app.callback()
def tactful(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_version, help="Show the version."),
    ] = False,
) -> None:
    """Decides for every customer what must not be said."""


@app.command(
    epilog=examples(
        "tactful demo",
        "tactful demo --lake autumn-lake --seed 7",
    )
)
def demo(
    folder: Annotated[Path, typer.Option("--lake", help="Where to build it.")] = Path("demo-lake"),
    seed: Annotated[int, typer.Option(help="What the generated part is drawn from.")] = 2017,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Take a retailer's year through every step; open the report."""
    with answering(as_json=as_json, debug=debug, stopped=DEMO_STOPPED) as answer:
        from tactful.jobs.demo import command

        answer.summary(command.demo(folder, seed=seed, on_progress=answer.progress).as_dict())


@app.command(
    help=RUN,
    epilog=examples(
        "tactful run --conf my.toml",
        "tactful run land accept --conf my.toml",
        "tactful run --conf my.toml --continuous 30s",
        "tactful run --conf my.toml --set consent.default=opt_out",
        "tactful run --conf my.toml --dry-run",
        "tactful run --conf my.toml --quality",
    ),
)
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
    confirm: Annotated[
        bool,
        typer.Option("--confirm", help="Let a changed rule tell of more than first_run_bound."),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Take in what came, say what would be told, tell nobody."),
    ] = False,
    with_quality: Annotated[
        bool, typer.Option("--quality", help="Then hold the tables against what is expected.")
    ] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Land what is new, decide what not to say, write the records."""
    with answering(as_json=as_json, debug=debug, stopped=RUN_STOPPED) as answer:
        clock = arguments.moment(as_of)
        beside = {"--until-caught-up": until_caught_up, "--as-of": as_of, "STEP": steps}
        interval = arguments.interval(continuous, beside=beside)
        if with_quality:
            arguments.refuse_beside(
                "--quality", {"--continuous": continuous, "--dry-run": dry_run, "STEP": steps}
            )
        if dry_run:
            arguments.refuse_beside(
                "--dry-run", {"--continuous": continuous, "--confirm": confirm, "STEP": steps}
            )
        config = arguments.load(conf, settings)
        from tactful.jobs.commands import quality as checking
        from tactful.jobs.runs import pipeline

        summary = pipeline.run(
            config,
            as_of=clock,
            continuous=interval,
            steps=tuple(steps or ()),
            on_progress=answer.progress,
            is_confirmed=confirm,
            is_preview=dry_run,
            check=checking.check_of(config, answer.progress) if with_quality else None,
        )
        found = summary.quality
        answer.run(summary.as_dict(), more=checking.lines(found) if found else ())
        answer.harmed([*summary.failed_sources.values(), *summary.untold.values()])
        answer.gated([checking.gated(found) if found else None, summary.held])


@app.command(
    help=QUALITY,
    epilog=examples(
        "tactful quality --conf my.toml",
        "tactful quality customers purchases --conf my.toml",
    ),
)
def quality(
    tables: Annotated[
        list[str] | None, typer.Argument(metavar="TABLE...", help="Only these tables.")
    ] = None,
    docs: Annotated[
        Path | None, typer.Option("--docs", metavar="FOLDER", help="Where the pages go.")
    ] = None,
    conf: Conf = None,
    settings: Settings = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    with answering(as_json=as_json, debug=debug, stopped=QUALITY_STOPPED) as answer:
        config = arguments.load(conf, settings)
        from tactful.jobs.commands import quality as checking

        found = checking.quality(
            config, tables=tables or (), docs=docs, on_progress=answer.progress
        )
        answer.shown(found, checking.lines)
        answer.gated([checking.gated(found)])


@app.command(
    help=PUBLISH,
    epilog=examples(
        "tactful publish --conf my.toml",
        "tactful publish --conf my.toml --full",
    ),
)
def publish(
    full: Annotated[
        bool, typer.Option("--full", help="Make every table anew, not only what changed.")
    ] = False,
    conf: Conf = None,
    settings: Settings = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Bring the tables that people read up to date."""
    with answering(as_json=as_json, debug=debug, stopped=PUBLISH_STOPPED) as answer:
        clock = arguments.moment(as_of)
        config = arguments.load(conf, settings)
        from tactful.jobs.runs import pipeline

        summary = pipeline.run(
            config, as_of=clock, steps=("publish",), on_progress=answer.progress, is_full=full
        )
        answer.run(summary.as_dict())


@app.command(
    help=SEND,
    epilog=examples(
        "tactful send --conf my.toml",
        "tactful send klaviyo_opt_outs --conf my.toml --again",
    ),
)
def send(
    destinations: Annotated[
        list[str] | None, typer.Argument(metavar="DESTINATION...", help="Only these.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also what was rejected or given up, or asked to wait.")
    ] = False,
    conf: Conf = None,
    settings: Settings = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    with answering(as_json=as_json, debug=debug, stopped=SEND_STOPPED) as answer:
        # A credential that is not there stops its own destination alone.
        config = arguments.load(conf, settings, needs_secret=False)
        from tactful.jobs.sending import send as sending

        sent = sending.send(
            config, only=destinations or (), again=again, on_progress=answer.progress
        )
        answer.summary({"sent": sent})
        answer.harmed(sending.stopped_sentences(sent).values())


@app.command(
    help=RECONCILE,
    epilog=examples(
        "tactful reconcile meta_exclusions --conf my.toml",
        "tactful reconcile meta_exclusions --conf my.toml --json",
        "tactful reconcile meta_exclusions --conf my.toml --replace whole",
    ),
)
def reconcile(
    destination: Annotated[str, typer.Argument(metavar="DESTINATION", help="Which one.")],
    replace: Annotated[
        Path | None,
        typer.Option(
            "--replace",
            metavar="FOLDER",
            help="Write the calls that replace its audience whole into this folder.",
        ),
    ] = None,
    conf: Conf = None,
    settings: Settings = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    with answering(as_json=as_json, debug=debug) as answer:
        config = arguments.load(conf, settings, needs_secret=replace is not None)
        from tactful.jobs.commands import reconciling, replacing

        if replace is not None:
            answer.shown(replacing.replace(config, destination, replace), replacing.lines)
            return
        answer.shown(reconciling.reconcile(config, destination), reconciling.lines)


@app.command(
    epilog=examples(
        "tactful check --conf my.toml",
        "tactful check --conf my.toml --json",
    )
)
def check(
    conf: Conf = None, settings: Settings = None, as_json: AsJson = False, debug: Debug = False
) -> None:
    """Tell all configuration errors at once, and idle rules.

    Errors end with exit code 2. Notes leave it at 0, since what is not there on this machine may be
    where the run is, which looks again.
    """
    with answering(as_json=as_json, debug=debug) as answer:
        config = arguments.load(conf, settings, looks_at_disk=True)
        from tactful.jobs.commands.checking import notes
        from tactful.jobs.runs import may_run

        elsewhere = may_run.refuse_as_run_would(config, answer.progress)
        if config.quality.suites:
            from tactful.jobs.quality.expectations import of_files

            of_files(config.suites_path)
        told = [*notes(config), *elsewhere]
        facts = {"configuration": str(conf or "defaults"), "hash": config.hash, "notes": told}
        answer.checked(facts)


@app.command(
    epilog=examples(
        "tactful status --conf my.toml",
        "tactful status --lake /data/lake --json",
    )
)
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

        is_named = lake is not None and conf is None
        config = None if is_named else arguments.load(conf, settings, needs_secret=False)
        location = lake if lake is not None else config.location
        sources = None
        if config is not None and config.sources:
            sources = config.landing_folders
        answer.shown(reading.status(location, sources, config), reading.render)


@app.command(
    help=REPLAY,
    epilog=examples(
        "tactful replay --conf my.toml --from clicks",
        "tactful replay --conf my.toml --from received --as-of 2026-01-31T00:00Z",
    ),
)
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
    with answering(as_json=as_json, debug=debug, stopped=REPLAY_STOPPED) as answer:
        clock = arguments.moment(as_of)
        config = arguments.load(conf, settings)
        from tactful.jobs.runs import replay as again

        summary = again.replay(
            config, from_table=from_table, as_of=clock, on_progress=answer.progress
        )
        answer.run(summary.as_dict())


app.add_typer(adding)
app.add_typer(asking)
app.add_typer(beginning)


def main() -> None:
    """Run the command line; end without an exit where all went well, as wheel tasks expect."""
    try:
        app(prog_name="tactful")
    except SystemExit as end:
        if end.code:
            raise


if __name__ == "__main__":
    main()
