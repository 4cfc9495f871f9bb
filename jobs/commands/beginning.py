"""The commands to begin with: a first configuration, and a look at one's own rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tactful.jobs.commands import arguments
from tactful.jobs.commands.answers import answering
from tactful.jobs.commands.help import INIT, SAMPLE, examples
from tactful.jobs.commands.parameters import AsJson, Conf, Debug, Settings

beginning = typer.Typer()


@beginning.command(
    help=INIT,
    epilog=examples(
        "tactful init --from segment,shopify,sendgrid",
        "tactful init --from mapped --conf house.toml",
    ),
)
def init(
    kinds: Annotated[
        str, typer.Option("--from", metavar="KINDS", help="Dialects, with commas between.")
    ],
    conf: Annotated[Path, typer.Option("--conf", metavar="FILE", help="The file to write.")] = Path(
        "tactful.toml"
    ),
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    with answering(as_json=as_json, debug=debug) as answer:
        from tactful.jobs.commands import starting

        answer.shown(starting.init(kinds, conf), starting.lines)


@beginning.command(
    help=SAMPLE,
    epilog=examples(
        "tactful sample export.json --dialect segment",
        "tactful sample orders.json.gz --dialect shopify --rows 50",
        "tactful sample till.csv --conf my.toml --source tills",
        "tactful sample --conf my.toml --source bus",
    ),
)
def sample(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help="JSON lines, CSV, Parquet or Avro; none of a topic or table."
        ),
    ] = None,
    dialect: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whose form its rows have.")
    ] = None,
    stream: Annotated[
        str | None, typer.Option(help="What its rows are, unless the dialect says it of each.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="NAME", help="Read it as this source of --conf.")
    ] = None,
    rows: Annotated[int, typer.Option(min=1, max=10_000, help="How many rows.")] = 20,
    conf: Conf = None,
    settings: Settings = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    with answering(as_json=as_json, debug=debug) as answer:
        config = arguments.load(conf, settings, needs_secret=False)
        from tactful.jobs.commands import sampling

        chosen = sampling.source_of(config, file, name=source, dialect=dialect, stream=stream)
        answer.progress("Spark takes some seconds to start; nothing is written.")
        answer.shown(sampling.sample(config, file, chosen, rows, name=source), sampling.render)
