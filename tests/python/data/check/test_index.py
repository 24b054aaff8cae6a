"""Frames that are lost or repeated, and episodes that overlap."""

import pyarrow as pa
import pyarrow.parquet as pq

from ..old_version import write_old  # noqa: TID252 (tests are no package that could be named)
from .sets import edit, findings, write_smooth


def test_frames_that_are_lost_or_repeated_are_placed(tmp_path):
    write_old(tmp_path / "set", (9, 8, 12), dtype="image")
    path = tmp_path / "set/data/chunk-000/episode_000001.parquet"
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table.slice(0, 3), table.slice(4)]), path)
    found = findings(tmp_path / "set")
    assert [(finding.check, finding.episode, finding.frame) for finding in found] == [
        ("file", None, None),
        ("index", 1, None),
        ("index", 1, 3),
    ]


def test_metadata_whose_episodes_overlap_are_broken(tmp_path):
    write_smooth(tmp_path / "set")
    edit(
        tmp_path / "set/meta/episodes/chunk-000/file-000.parquet",
        "dataset_from_index",
        lambda values: values.__setitem__(1, 30),
    )
    found = findings(tmp_path / "set")
    assert "overlap or have gaps" in found[0].message
    assert "episode 1 is 50 frames long by its length and 60 by" in found[1].message
