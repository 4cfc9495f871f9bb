"""How the templates of pages are read: all that comes from a lake is escaped, and is seen."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tactful.jobs.why.texts import seen


def environment(*, trim_blocks: bool = True) -> Environment:
    """The templates of `jobs/report/templates`; what a page does not know is an error."""
    return Environment(
        loader=PackageLoader("tactful.jobs.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=trim_blocks,
        lstrip_blocks=True,
        finalize=_seen,
    )


def _seen(value: Any) -> Any:
    """What a page says of a value: what turns writing round or is not seen stands as its number."""
    is_text = isinstance(value, str) and not isinstance(value, Markup)
    return seen(value) if is_text else value
