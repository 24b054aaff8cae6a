"""Flights: what a run of the control loop recorded, read back, drawn, computed again, and made into a data set.

>>> log = read("run.mcap")
>>> log.ticks.sent.shape, [event.text for event in log.events]
"""

from retain.flight.log import Answer, Event, FlightLog, read

__all__ = ["Answer", "Event", "FlightLog", "read"]
