"""All checks of a dataset, one after another."""

from retain.data.check.channels import check_channels
from retain.data.check.episodes import check_episodes
from retain.data.check.finding import Finding
from retain.data.check.index import check_index
from retain.data.check.pictures import check_pictures
from retain.data.check.rate import check_rate
from retain.data.check.rows import Rows, read_rows
from retain.data.check.statistics import check_statistics
from retain.data.reader import Dataset


def check(data: Dataset, *, every_frame: bool = False) -> tuple[Rows, list[Finding]]:
    """What is wrong with a dataset.

    Args:
        data: The dataset.
        every_frame: Decode every picture instead of each episode's first and last.

    Returns:
        The frames that could be read, and the findings, broken before suspicious.

    Raises:
        DatasetError: The metadata that say where everything is cannot be read.
    """
    rows, findings = read_rows(data)
    findings += [
        *check_index(data, rows),
        *check_rate(data, rows),
        *check_channels(data, rows),
        *check_statistics(data, rows),
        *check_pictures(data, rows, every_frame=every_frame),
        *check_episodes(data, rows),
    ]
    return rows, sorted(findings, key=lambda finding: finding.severity != "broken")
