"""Skill after skill: how the next is finetuned and merged, what that costs the old ones, and how one is taken out.

A line of skills on disk:

>>> create("compact-base", Path("line"), "anchored")
>>> add(Path("line"), Lesson("cup", "place the cup", Path("demos")))

The same decisions without a ledger, for a study:

>>> merge_line("compact-base-dir", ["drawer", "cup"], [0.5, 0.5], "anchored", "with-both")
"""

from retain.continual.add import Change, add
from retain.continual.check import check
from retain.continual.gate import Cell, Verdict, judge
from retain.continual.lesson import Lesson
from retain.continual.line import Line, Skill
from retain.continual.merge_line import merge_line
from retain.continual.methods import METHODS, End, MergeStep, Method, State, replay_shares
from retain.continual.remove import remove
from retain.continual.store import create, read
from retain.continual.teach import Workshop
from retain.continual.trial import Gate

__all__ = [
    "METHODS",
    "Cell",
    "Change",
    "End",
    "Gate",
    "Lesson",
    "Line",
    "MergeStep",
    "Method",
    "Skill",
    "State",
    "Verdict",
    "Workshop",
    "add",
    "check",
    "create",
    "judge",
    "merge_line",
    "read",
    "remove",
    "replay_shares",
]
