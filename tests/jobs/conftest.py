"""What tests of the configuration share."""

from __future__ import annotations

import pytest

from tactful.jobs.errors import ConfigError
from tactful.jobs.settings.config import load


@pytest.fixture
def read(tmp_path):
    """Load a text as the user's file, with nothing from the machine's environment."""

    def read(text: str = "", **also):
        file = tmp_path / "my.toml"
        file.write_text(text, encoding="utf-8")
        return load(file, **{"environ": {}, **also})

    return read


@pytest.fixture
def errors(read, tmp_path):
    """The lines of every problem, with the file's name alone."""

    def errors(text: str = "", **also) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            read(text, **also)
        assert caught.value.exit_code == 2
        return [str(p).replace(f"{tmp_path}/", "") for p in caught.value.problems]

    return errors
