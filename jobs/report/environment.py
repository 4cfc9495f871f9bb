"""How the templates of pages are read: all that comes from a lake is escaped."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined


def environment(*, trim_blocks: bool = True) -> Environment:
    """The templates of `jobs/report/templates`; what a page does not know is an error."""
    return Environment(
        loader=PackageLoader("tactful.jobs.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=trim_blocks,
        lstrip_blocks=True,
    )
