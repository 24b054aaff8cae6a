"""What is wrong with a dataset, found before a policy is trained on it: one file per kind of fault."""

from retain.data.check.check import check
from retain.data.check.finding import Finding
from retain.data.check.rows import Rows, read_rows

__all__ = ["Finding", "Rows", "check", "read_rows"]
