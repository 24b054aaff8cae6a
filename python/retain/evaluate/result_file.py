"""The file of an evaluation: parquet with one row per episode, which pandas, DuckDB or pyarrow read as it is."""

import json
import os
from pathlib import Path
from typing import Any

from retain.errors import EvaluationError, require
from retain.evaluate.result import Cell, EvaluationResult, PolicyOutcomes
from retain.evaluate.rollout import Outcome

SUFFIX = ".parquet"

SCHEMA = 2
"""Of the columns and the metadata; 1 was JSON."""

_METADATA = b"retain.evaluation"
"""Key of the file's metadata: schema, skill and seed of the evaluation, and its policies and suites in their order,
those of which no episode has ended yet included."""


def check_name(path: Path) -> None:
    """Refuse a name under which nobody would look for parquet.

    Raises:
        EvaluationError: It does not end in .parquet.
    """
    if path.suffix != SUFFIX:
        raise EvaluationError(f"results are kept as parquet, not as {path}; give -o a name that ends in {SUFFIX}")


def save_result(result: EvaluationResult, path: Path) -> None:
    """Write results; a run that is killed meanwhile leaves the old file.

    Raises:
        MissingExtraError: pyarrow is not installed.
        EvaluationError: The file cannot be written.
    """
    parquet = require("pyarrow.parquet", "train")
    table = _table(result)
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            parquet.write_table(table, file, compression="zstd", write_page_checksum=True)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise EvaluationError(f"{path} cannot be written ({error.strerror}); give another -o file") from error
    finally:
        partial.unlink(missing_ok=True)


def load_result(path: Path) -> EvaluationResult:
    """Read what `save_result` wrote.

    Raises:
        MissingExtraError: pyarrow is not installed.
        EvaluationError: The file is missing, damaged, or was not written by an evaluation.
    """
    arrow, parquet = require("pyarrow", "train"), require("pyarrow.parquet", "train")
    try:
        contents = path.read_bytes()
    except OSError as error:
        raise EvaluationError(f"{path} cannot be read ({error.strerror}); give another -o file") from error
    try:
        file = parquet.ParquetFile(arrow.BufferReader(contents), page_checksum_verification=True)
        return _result(file.read(use_threads=False))
    except (arrow.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise EvaluationError(f"{path} holds no evaluation results ({error}); give another -o file") from error


def _schema() -> Any:
    arrow = require("pyarrow", "train")
    words = arrow.dictionary(arrow.int32(), arrow.string())
    columns = {
        "policy": words,
        "fingerprint": words,
        "suite": words,
        "index": arrow.int32(),
        "episode_seed": arrow.int64(),
        "skill": words,
        "success": arrow.bool_(),
        "steps": arrow.int32(),
    }
    return arrow.schema([arrow.field(name, kind, nullable=False) for name, kind in columns.items()])


def _table(result: EvaluationResult) -> Any:
    arrow = require("pyarrow", "train")
    schema = _schema()
    about = {
        "schema": SCHEMA,
        "skill": result.skill,
        "seed": result.seed,
        "policies": [
            {"name": name, "fingerprint": policy.fingerprint, "suites": list(policy.suites)}
            for name, policy in result.policies.items()
        ],
    }
    rows = [
        (name, policy.fingerprint, suite, index, one.seed, one.skill, one.success, one.steps)
        for name, policy in result.policies.items()
        for suite, cell in policy.suites.items()
        for index, one in sorted(cell.items())
    ]
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    arrays = [arrow.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return arrow.table(arrays, schema.with_metadata({_METADATA: json.dumps(about)}))


def _result(table: Any) -> EvaluationResult:
    """The inverse of `_table`; whatever is not as that made it raises KeyError, TypeError or ValueError."""
    metadata = table.schema.metadata or {}
    if _METADATA not in metadata:
        raise ValueError("it is parquet of something else")
    about = json.loads(metadata[_METADATA])
    if about["schema"] != SCHEMA:
        raise ValueError(f"its schema is {about['schema']}, this version reads {SCHEMA}")
    if not table.schema.equals(_schema()):
        raise ValueError(f"expected the columns {', '.join(_schema().names)}, found {', '.join(table.schema.names)}")
    result = EvaluationResult(about["skill"], about["seed"])
    for told in about["policies"]:
        cells: dict[str, Cell] = {suite: {} for suite in told["suites"]}
        result.policies[told["name"]] = PolicyOutcomes(told["fingerprint"], cells)
    for name, fingerprint, suite, index, *outcome in zip(*table.to_pydict().values(), strict=True):
        policy = result.policies[name]
        if policy.fingerprint != fingerprint or index in policy.suites[suite]:
            raise ValueError(f"episode {index} of {name!r} on {suite!r} is there twice or of another policy")
        policy.suites[suite][index] = Outcome(*outcome)
    return result
