"""Arrow tables with exactly the types LeRobot's readers (Hugging Face datasets, pandas) expect."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retain.data.features import BOOKKEEPING, Feature
from retain.errors import DatasetError, require


def _arrow() -> Any:
    return require("pyarrow", "data")


def _arrow_type(feature: Feature) -> Any:
    pa = _arrow()
    if feature.dtype == "image":
        return pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    scalar = pa.bool_() if feature.dtype == "bool" else getattr(pa, feature.dtype)()
    return scalar if feature.shape == (1,) else pa.list_(scalar, feature.shape[0])


def _hugging_face_type(feature: Feature) -> dict[str, Any]:
    if feature.dtype == "image":
        return {"_type": "Image"}
    scalar = {"dtype": feature.dtype, "_type": "Value"}
    return scalar if feature.shape == (1,) else {"feature": scalar, "length": feature.shape[0], "_type": "Sequence"}


def schema(features: Mapping[str, Feature]) -> Any:
    """The schema of the data files: every feature that is not a video, then the bookkeeping.

    Its metadata tell Hugging Face datasets which columns are pictures even without info.json.
    """
    pa = _arrow()
    stored = {name: f for name, f in features.items() if f.dtype != "video"} | BOOKKEEPING
    metadata = {"info": {"features": {name: _hugging_face_type(feature) for name, feature in stored.items()}}}
    fields = [(name, _arrow_type(feature)) for name, feature in stored.items()]
    return pa.schema(fields, metadata={"huggingface": json.dumps(metadata)})


def episode_batch(columns: Mapping[str, NDArray[Any] | Sequence[bytes]], table_schema: Any) -> Any:
    """One episode as a record batch: vectors are [T, D] arrays, pictures lists of encoded files."""
    pa = _arrow()
    arrays = []
    for field in table_schema:
        values = columns[field.name]
        if not isinstance(values, np.ndarray):
            files = pa.array(values, pa.binary())
            arrays.append(
                pa.StructArray.from_arrays([files, pa.nulls(len(files), pa.string())], fields=list(field.type))
            )
            continue
        flat = pa.array(values.reshape(-1))
        nested = pa.types.is_fixed_size_list(field.type)
        arrays.append(pa.FixedSizeListArray.from_arrays(flat, type=field.type) if nested else flat)
    return pa.RecordBatch.from_arrays(arrays, schema=table_schema)


def concatenate(batches: Sequence[Any]) -> Any:
    """Record batches of one schema as one table in one piece, which is then one row group."""
    return _arrow().Table.from_batches(batches).combine_chunks()


def episodes_table(rows: Sequence[Mapping[str, Any]]) -> Any:
    """meta/episodes: one row per episode."""
    return _arrow().table({name: [row[name] for row in rows] for name in rows[0]})


def tasks_table(tasks: Mapping[str, int]) -> Any:
    """meta/tasks.parquet: the text is the table's pandas index, which LeRobot looks tasks up by."""
    pa = _arrow()
    table = pa.table({"task_index": pa.array(list(tasks.values()), pa.int64()), "task": list(tasks)})
    column = {"metadata": None, "field_name": None, "name": None}
    pandas = {
        "index_columns": ["task"],
        "column_indexes": [column | {"pandas_type": "unicode", "numpy_type": "object"}],
        "columns": [
            column | {"name": "task_index", "field_name": "task_index", "pandas_type": "int64", "numpy_type": "int64"},
            column | {"name": "task", "field_name": "task", "pandas_type": "unicode", "numpy_type": "object"},
        ],
        "creator": {"library": "pyarrow", "version": pa.__version__},
        "pandas_version": None,
    }
    return table.replace_schema_metadata({"pandas": json.dumps(pandas)})


def numbers(column: Any, name: str, feature: Feature) -> NDArray[Any]:
    """A table's column as an array: [N] for scalars, [N, *shape] otherwise.

    Raises:
        DatasetError: The column holds nulls, is not numeric, or its lists have another length than info.json says.
    """
    pa = _arrow()
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # a table of no or several chunks, depending on the version of pyarrow
        array = pa.concat_arrays(array.chunks)
    rows = len(array)
    while pa.types.is_nested(array.type) and hasattr(array, "flatten") and not pa.types.is_struct(array.type):
        array = array.flatten()
    if array.null_count or not (
        pa.types.is_integer(array.type) or pa.types.is_floating(array.type) or array.type == pa.bool_()
    ):
        found = f"{array.null_count} nulls" if array.null_count else str(array.type)
        raise DatasetError(f"column {name!r} holds {found}; expected {feature.dtype} of shape {feature.shape}")
    values = array.to_numpy(zero_copy_only=False)
    expected = rows * int(np.prod(feature.shape))
    if len(values) != expected:
        raise DatasetError(
            f"column {name!r} holds {len(values)} numbers; {rows} frames of shape {feature.shape} are {expected}"
        )
    shaped: NDArray[Any] = values if feature.shape == (1,) else values.reshape(rows, *feature.shape)
    return shaped
