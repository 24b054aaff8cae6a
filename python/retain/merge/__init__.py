"""Merging a base policy with policies finetuned from it: the plan is made here, the bytes move in C++. No torch.

α is the weight of the finetuned policy: θ = (1−α)·θ_base + α·θ_finetuned, so 0 is the base and 1 the finetuned policy.

>>> report = merge("compact-base-dir", "finetuned", "merged", alpha={"default": 0.5, "vision": 1.0})
>>> report.components["vision"].effective_alpha
"""

from retain.merge.families import FAMILIES, Family, detect_family
from retain.merge.figures import ComponentReport
from retain.merge.merge import execute, execute_all, merge, prepare
from retain.merge.methods import METHODS
from retain.merge.partition import Partition, make_partition
from retain.merge.plan import MergePlan
from retain.merge.recipe import ALPHA_IN_WORDS, Missing, Recipe, Rounding, StoredDType
from retain.merge.report import REPORT_FILE, MergeReport
from retain.merge.words import parse_alpha, parse_alphas, parse_components

__all__ = [
    "ALPHA_IN_WORDS",
    "FAMILIES",
    "METHODS",
    "REPORT_FILE",
    "ComponentReport",
    "Family",
    "MergePlan",
    "MergeReport",
    "Missing",
    "Partition",
    "Recipe",
    "Rounding",
    "StoredDType",
    "detect_family",
    "execute",
    "execute_all",
    "make_partition",
    "merge",
    "parse_alpha",
    "parse_alphas",
    "parse_components",
    "prepare",
]
