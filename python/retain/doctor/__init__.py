"""What is fine on this computer for the control loop, what isn't, and the command that mends it."""

from retain.doctor.examine import examine, realtime_findings
from retain.doctor.finding import Finding, Status
from retain.doctor.machine import Machine

__all__ = ["Finding", "Machine", "Status", "examine", "realtime_findings"]
