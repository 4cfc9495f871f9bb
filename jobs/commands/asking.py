"""The commands that only read: why, what is in the tables, what they are; none starts Spark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tactful.jobs.commands import arguments
from tactful.jobs.commands.answers import answering
from tactful.jobs.commands.help import EXPLAIN, SCREEN, STATEMENT, examples
from tactful.jobs.commands.parameters import AsJson, Conf, Debug, LakeFolder, Settings

asking = typer.Typer()


@asking.command(
    help=EXPLAIN,
    epilog=examples(
        "tactful explain ann@x.io --conf my.toml",
        "tactful explain customer_id:17 --conf my.toml --at 2026-01-31T00:00Z",
        "tactful explain ann@x.io --conf my.toml --message m-4711",
        "tactful explain ann@x.io device_id:9f3c --conf my.toml",
    ),
)
def explain(
    who: Annotated[
        str,
        typer.Argument(
            metavar="WHO", help="An identifier, or the id of a person, message or decision."
        ),
    ],
    other: Annotated[
        str | None, typer.Argument(metavar="OTHER", help="How it is linked to this one.")
    ] = None,
    lake: LakeFolder = None,
    conf: Conf = None,
    settings: Settings = None,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="As of an earlier moment; else as published.")
    ] = None,
    message: Annotated[
        str | None, typer.Option(metavar="ID", help="Why they were sent this message.")
    ] = None,
    rows: Annotated[int, typer.Option(min=1, max=1000, help="How much of each is told.")] = 10,
    page: Annotated[int, typer.Option(min=1, help="Which page of what happened.")] = 1,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    with answering(as_json=as_json, debug=debug) as answer:
        when = arguments.moment(at, option="--at")
        if other is not None:
            arguments.refuse_beside("OTHER", {"--message": message})
        config = arguments.load(conf, settings, needs_secret=False)
        from tactful.jobs.commands import explain as told
        from tactful.jobs.why import answer as why

        with why.looking(
            why.located(lake, config), config,
            at=when, rows=rows, named=lake is None,
        ) as of:  # fmt: skip
            if other is None:
                facts = why.explained(of, who, message=message, page=page)
            else:
                facts = why.connection(of, who, other)
        answer.shown(told.plain(facts) if as_json else facts, told.lines)


@asking.command(
    help=SCREEN,
    epilog=examples(
        "tactful screen summer_sale list.csv --conf my.toml --channel email --out told.csv",
        "tactful screen jeans list.csv --conf my.toml --channel sms --sku jeans --discount",
        'tactful screen summer_sale list.csv --conf my.toml --column email="E-Mail" --json',
    ),
)
def screen(
    campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Its id.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, JSON lines or Parquet.")],
    conf: Conf = None,
    settings: Settings = None,
    channel: Annotated[str | None, typer.Option(help="Where it goes out.")] = None,
    purpose: Annotated[str | None, typer.Option(help="marketing, or transactional.")] = None,
    topic: Annotated[str | None, typer.Option(help="Its topic.")] = None,
    skus: Annotated[
        list[str] | None, typer.Option("--sku", help="A product it offers. Repeatable.")
    ] = None,
    categories: Annotated[
        list[str] | None, typer.Option("--category", help="A category it offers. Repeatable.")
    ] = None,
    brands: Annotated[
        list[str] | None, typer.Option("--brand", help="A brand it offers. Repeatable.")
    ] = None,
    discount: Annotated[bool, typer.Option("--discount", help="It offers a discount.")] = False,
    columns: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="TYPE=HEADER", help="What a column holds. Repeatable."),
    ] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="When it goes; else now.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to write the rows: .csv, .jsonl, .parquet."),
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    with answering(as_json=as_json, debug=debug) as answer:
        moment = arguments.moment(at, option="--at")
        config = arguments.load(conf, settings)
        from tactful.jobs.commands import screening

        told = {
            "channel": channel, "purpose": purpose, "topic": topic, "skus": skus,
            "categories": categories, "brands": brands, "offers_discount": discount or None,
        }  # fmt: skip
        facts = screening.screen_file(
            config, campaign, file, told=told, columns=columns or (), at=moment, out=out,
            is_printed=not as_json,
        )  # fmt: skip
        answer.beside(facts, screening.lines, is_beside=out is None)


@asking.command(
    help=STATEMENT,
    epilog=examples(
        "tactful statement ann@x.io --conf my.toml",
        "tactful statement customer_id:17 --conf my.toml --format html > statement.html",
    ),
)
def statement(
    who: Annotated[str, typer.Argument(metavar="WHO", help="An identifier or a person id.")],
    lake: LakeFolder = None,
    conf: Conf = None,
    settings: Settings = None,
    format_: Annotated[
        str, typer.Option("--format", metavar="md|html|json", help="In which form.")
    ] = "md",
    debug: Debug = False,
) -> None:
    with answering(as_json=format_ == "json", debug=debug) as answer:
        config = arguments.load(conf, settings, needs_secret=False)
        from tactful.jobs.commands.statement import FORMATS
        from tactful.jobs.why import answer as why
        from tactful.jobs.why import statement as held

        if format_ not in FORMATS:
            raise arguments.refused("--format", f'"{format_}"', ", ".join(FORMATS))
        with why.looking(
            why.located(lake, config), config,
            at=None, named=lake is None, reads=held.READS,
        ) as of:  # fmt: skip
            facts = held.statement(of, who)
        for key in facts.pop("missing"):
            answer.progress(f"The configuration is silent about {key}; the statement lacks it.")
        typer.echo(FORMATS[format_](facts))


@asking.command(
    epilog=examples(
        "tactful report --conf my.toml",
        "tactful report --conf my.toml --out weekly/2026-W05.html",
    )
)
def report(
    lake: LakeFolder = None,
    conf: Conf = None,
    settings: Settings = None,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write it.")] = Path(
        "report.html"
    ),
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Write one page to keep: what should not have been sent, who is protected, what came in."""
    with answering(as_json=as_json, debug=debug) as answer:
        config = arguments.load(conf, settings, needs_secret=False)
        from tactful.jobs.commands.tables_here import lake_here, state_here
        from tactful.jobs.report import lake_report

        if out.is_dir():
            raise arguments.refused("--out", f"the folder {out}", "a file")
        folder = lake_here(lake or config.location)
        state_here(folder, is_configured=lake is None)
        arguments.refuse_among(out, folder)
        with arguments.written(out):
            answer.summary(lake_report.write(folder, target=out, config=config))


@asking.command(
    epilog=examples(
        "tactful tables",
        "tactful tables suppressions _log/links",
        "tactful tables --format dbt > models/sources.yml",
        "tactful tables --options",
    )
)
def tables(
    names: Annotated[list[str] | None, typer.Argument(metavar="TABLE...")] = None,
    options: Annotated[
        bool, typer.Option("--options", help="Every option of the configuration instead.")
    ] = False,
    format_: Annotated[
        str, typer.Option("--format", metavar="md|html|dbt", help="In which form.")
    ] = "md",
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Print what each table holds, or with --options what may be set."""
    with answering(as_json=as_json, debug=debug) as answer:
        if options:
            _print_options(names, as_json=as_json, format_=format_)
            return
        from tactful.jobs.commands.table_pages import FORMATS, table_facts

        if format_ not in FORMATS:
            raise arguments.refused("--format", f'"{format_}"', ", ".join(FORMATS))
        if as_json:
            arguments.refuse_beside("--json", {"--format": format_ != "md"})
            answer.shown({"tables": table_facts(names or ())}, None)
        else:
            typer.echo(FORMATS[format_](names or ()))


def _print_options(names: list[str] | None, *, as_json: bool, format_: str) -> None:
    if format_ != "md":
        raise arguments.refused("--format", f'"{format_}"', "md beside --options, which is a page")
    if names or as_json:
        found = "a table or --json beside it"
        raise arguments.refused("--options", found, "--options alone: it is a page")
    from tactful.jobs.commands.options import option_page

    typer.echo(option_page())
