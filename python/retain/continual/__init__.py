"""Skill after skill: how the next is finetuned and merged, what that costs the old ones, and how one is taken out.

>>> merge_line("compact-base-dir", ["drawer", "cup"], [0.5, 0.5], "anchored", "with-both")
"""

from retain.continual.merge_line import merge_line
from retain.continual.methods import METHODS, End, MergeStep, Method, State, replay_shares

__all__ = ["METHODS", "End", "MergeStep", "Method", "State", "merge_line", "replay_shares"]
