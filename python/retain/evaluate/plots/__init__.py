"""Pictures that can be read alone: a title that says the finding, units, legends, colours for colour-blind eyes."""

from retain.evaluate.plots.commands import CommandLog, plot_commands
from retain.evaluate.plots.film_strip import plot_film_strip
from retain.evaluate.plots.main_table import plot_main_table

__all__ = ["CommandLog", "plot_commands", "plot_film_strip", "plot_main_table"]
