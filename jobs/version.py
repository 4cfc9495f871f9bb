"""Which version of Tactful this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def software_version() -> str:
    try:
        return version("tactful")
    except PackageNotFoundError:  # run from the zip that spark-submit is given
        return "unpackaged"
