"""What an experiment leaves behind: every outcome as parquet, and its tables as JSON beside the machine's facts."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from retain.errors import require

from study.measure import Cell
from study.store import Store

RESULTS = Path(__file__).parent / "results"


def write_outcomes(name: str, cells: Iterable[Cell], kept: Store) -> Path:
    """One row per episode: policy, target, suite, evaluation seed, number, success."""
    arrow, parquet = require("pyarrow", "data"), require("pyarrow.parquet", "data")
    rows: list[dict[str, Any]] = [
        vars(cell.place) | {"number": number, "success": bool(success)}
        for cell in dict.fromkeys(cells)
        for number, success in enumerate(kept.successes(cell.place, cell.n))
    ]
    table = arrow.Table.from_pylist(rows)
    for column in ("policy", "target", "suite"):
        table = table.set_column(table.schema.get_field_index(column), column, table[column].dictionary_encode())
    path = RESULTS / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, path, compression="zstd")
    return path


def write_json(name: str, value: dict[str, Any]) -> Path:
    """Tables and estimates, with what they were measured on."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from machine import machine_facts

    path = RESULTS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = machine_facts(("numpy", "torch", "mujoco"))
    path.write_text(json.dumps({"machine": facts} | value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def read_json(name: str) -> dict[str, Any]:
    """What `write_json` wrote."""
    value: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return value
