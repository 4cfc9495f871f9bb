"""Parameters: the options that several commands have, each described once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
    str | None, typer.Option("--lake", metavar="FOLDER", help="The lake, if not as configured.")
]
