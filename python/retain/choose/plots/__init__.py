"""Pictures of a choice: success over α, target against generalist, and what the proxies saw."""

from retain.choose.plots.alpha_curve import plot_alpha_curve
from retain.choose.plots.pareto import plot_pareto
from retain.choose.plots.proxies import plot_proxies

__all__ = ["plot_alpha_curve", "plot_pareto", "plot_proxies"]
