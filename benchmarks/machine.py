"""What a benchmark ran on: without these facts its figures mean nothing."""

from retain.bench.machine import machine_facts

__all__ = ["machine_facts"]
