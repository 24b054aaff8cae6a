"""Which α: candidates tried by rollouts, on a grid or by search, and a rule that takes one; or proxies alone."""

from retain.choose.candidate import BASE, FINETUNED, Candidate
from retain.choose.costs import Cost, costs, front
from retain.choose.decision import Decision, ProxyEvidence, RolloutEvidence, decide_by_proxies, decide_by_rollouts
from retain.choose.grid import by_component, component_grid, line
from retain.choose.proxies import Proxies, ProxyTable, measure_proxies
from retain.choose.recommend import Recommendation, Rule, recommend
from retain.choose.rule import TOLERANCE, Choice, check_tolerance, choose
from retain.choose.search import search
from retain.choose.sweep import GENERALIST, SUITES, VALIDATION, Rollouts, Sweep, planned, sweep

__all__ = [
    "BASE",
    "FINETUNED",
    "GENERALIST",
    "SUITES",
    "TOLERANCE",
    "VALIDATION",
    "Candidate",
    "Choice",
    "Cost",
    "Decision",
    "Proxies",
    "ProxyEvidence",
    "ProxyTable",
    "Recommendation",
    "RolloutEvidence",
    "Rollouts",
    "Rule",
    "Sweep",
    "by_component",
    "check_tolerance",
    "choose",
    "component_grid",
    "costs",
    "decide_by_proxies",
    "decide_by_rollouts",
    "front",
    "line",
    "measure_proxies",
    "planned",
    "recommend",
    "search",
    "sweep",
]
