"""One log that runs, for all tests of ``distlab log``: to start it takes seconds."""

from collections.abc import Iterator

import pytest

from tests.cli.kept_log import Project
from tests.live.listing import listing


@pytest.fixture(scope="package")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    project = Project(tmp_path_factory.mktemp("project"))
    project.start()
    yield project
    shown = project.stop()
    assert "stopped: every process has ended" in shown
    assert project.server is not None
    assert project.server.returncode == 130
    assert not [row for row in listing() if str(project.folder) in row.command]
    assert not (project.folder / ".distlab" / "live" / "lab2_log" / "door").exists()
