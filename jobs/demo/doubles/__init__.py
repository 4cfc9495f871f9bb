"""Doubles of the vendors' APIs on this machine, for the demo and for tests."""

from __future__ import annotations

from tactful.jobs.demo.doubles.server import served
from tactful.jobs.demo.doubles.vendors import DOUBLES, SECRET, Double

__all__ = ["DOUBLES", "SECRET", "Double", "served"]
