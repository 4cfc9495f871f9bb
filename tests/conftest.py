"""What every test may ask for."""

from __future__ import annotations

import pytest
from tactful.jobs.session import open_session


@pytest.fixture(scope="session")
def spark():
    """One Spark session for the whole run: starting one costs seconds."""
    return open_session("tactful-tests")
