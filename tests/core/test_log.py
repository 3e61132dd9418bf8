"""The log: levels by subsystem, changed while the node runs."""

from distlab.core import Level
from distlab.core.log import Log, LogLine


def test_a_line_below_its_subsystems_level_is_not_written() -> None:
    lines: list[LogLine] = []
    log = Log(lines.append)
    log.debug("rpc", "no")
    log.info("rpc", "yes", request=7)
    log.set_level("rpc", Level.ERROR)
    log.warning("rpc", "no")
    log.error("rpc", "yes")
    log.info("election", "others stay as they are")
    assert [line.text for line in lines] == ["yes", "yes", "others stay as they are"]
    assert str(lines[0]) == "[rpc] yes request=7"
    assert (log.level("rpc"), log.level("disk")) == (Level.ERROR, Level.INFO)
    assert log.is_on("disk", Level.INFO)
    assert not log.is_on("rpc", Level.INFO)
