"""Temperatures against the computer's own trip points, by the levels of csrc/runtime/thermal_level.hpp."""

from dataclasses import dataclass

from retain.doctor.finding import Finding, Status
from retain.doctor.machine import Machine

_WARM_BELOW_PASSIVE_C = 10.0
_WARM_BELOW_CRITICAL_C = 20.0
_HOT_BELOW_CRITICAL_C = 10.0
_COOL = "more air: fan to full (Jetson: sudo jetson_clocks --fan), or a cooler place"


@dataclass(frozen=True)
class Zone:
    """A thermal zone, °C; None: it has no such trip."""

    name: str
    celsius: float
    passive: float | None
    critical: float | None

    @property
    def margin(self) -> float | None:
        """Degrees to its nearest trip, or None where it has none."""
        margins = [trip - self.celsius for trip in (self.passive, self.critical) if trip is not None]
        return min(margins) if margins else None

    @property
    def status(self) -> Status:
        """Warm is a warning; from where the loop slows the arm on, it is bad."""
        warm, hot = _levels(self.passive, self.critical)
        if self.celsius >= hot:
            return Status.BAD
        return Status.WARN if self.celsius >= warm else Status.OK


def _levels(passive: float | None, critical: float | None) -> tuple[float, float]:
    warm = hot = float("inf")
    if critical is not None:
        warm, hot = critical - _WARM_BELOW_CRITICAL_C, critical - _HOT_BELOW_CRITICAL_C
    if passive is not None:
        hot = min(passive, critical - 5.0) if critical is not None else passive
        warm = min(passive - _WARM_BELOW_PASSIVE_C, hot)
    return warm, hot


def thermal_zones(machine: Machine) -> list[Zone]:
    """The zones that can be read now."""
    zones = []
    for folder in machine.glob("/sys/class/thermal/thermal_zone[0-9]*"):
        milli = machine.number(f"{folder}/temp")
        if milli is None:
            continue
        trips: dict[str, float] = {}
        for path in machine.glob(f"{folder}/trip_point_[0-9]*_type"):
            kind, value = machine.text(path), machine.number(path.removesuffix("type") + "temp")
            # The kernel's "no such trip" lies at or below absolute zero; drivers also write 0.
            if kind and value is not None and value > 0:
                trips[kind] = min(trips.get(kind, float("inf")), value / 1000)
        name = machine.text(f"{folder}/type") or folder.rpartition("/")[2]
        zones.append(Zone(name, milli / 1000, trips.get("passive"), trips.get("critical")))
    return zones


def check_temperatures(machine: Machine) -> list[Finding]:
    """The zone nearest to its limits, and every zone that is warm."""
    zones = thermal_zones(machine)
    if not zones:
        return [Finding("temperature", Status.ABSENT, "no thermal zone in /sys/class/thermal can be read")]
    limited = [zone for zone in zones if zone.margin is not None]
    if not limited:
        hottest = max(zones, key=lambda zone: zone.celsius)
        found = f"{hottest.name} {hottest.celsius:.0f} °C; no zone tells its limits"
        return [Finding("temperature", Status.ABSENT, found, realtime=True)]
    nearest = min(limited, key=lambda zone: zone.margin or 0.0)
    shown = [nearest, *(zone for zone in limited if zone is not nearest and zone.status is not Status.OK)]
    return [
        Finding(
            "temperature", zone.status, f"{zone.name} {zone.celsius:.0f} °C of {_trips(zone)}",
            f"below {_levels(zone.passive, zone.critical)[0]:.0f} °C", "" if zone.status is Status.OK else _COOL,
            realtime=True,
        )
        for zone in shown
    ]  # fmt: skip


def _trips(zone: Zone) -> str:
    trips = (("throttling", zone.passive), ("shutdown", zone.critical))
    return ", ".join(f"{value:g} ({name})" for name, value in trips if value is not None)
