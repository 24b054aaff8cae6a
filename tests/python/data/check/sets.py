"""Datasets to be broken on purpose, and what is found in them."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from retain.data import DatasetWriter, describe

from ..episodes import CAMERA, STATE, features  # noqa: TID252 (tests are no package that could be named)

DATA = "data/chunk-000/file-000.parquet"


def smooth(count, seed=0):
    """[count, 3]: sums of slow sines and a little noise, as a sensor gives them."""
    generator = np.random.default_rng(seed)
    time = np.arange(count)[:, None] / 10
    values = np.sin(time * generator.uniform(0.3, 1.0, 3) + generator.uniform(0, 6, 3))
    return (values + generator.normal(0, 0.002, (count, 3))).astype(np.float32)


def write_smooth(path, lengths=(40, 50, 45), change=None, tasks=("lift the cup",)):
    with DatasetWriter(
        path, fps=10, robot_type="toy", features={name: f for name, f in features().items() if name != CAMERA}
    ) as writer:
        for number, length in enumerate(lengths):
            frames = {STATE: smooth(length, number), "action": smooth(length, number + 50)}
            if change is not None:
                change(number, frames)
            writer.add_episode(tasks[number % len(tasks)], frames)


def edit(path, name, change):
    """Rewrite one column of a parquet file."""
    table = pq.read_table(path)
    values = table[name].to_pylist()
    change(values)
    column = pa.array(values, table.schema.field(name).type)
    pq.write_table(table.set_column(table.schema.get_field_index(name), name, column), path)


def findings(path, **options):
    return describe(path, **options).findings


def one(path, **options):
    found = findings(path, **options)
    assert len(found) == 1, [str(finding) for finding in found]
    return found[0]


def where(finding):
    return finding.severity, finding.check, finding.episode, finding.frame
