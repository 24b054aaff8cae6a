"""`retain …` with weights sharded by accelerate's FSDP2, on CPUs; accelerate offers FSDP on accelerators only."""

import sys

import accelerate
from accelerate.state import AcceleratorState, DistributedType
from accelerate.utils import FullyShardedDataParallelPlugin
from retain.cli.main import main

_start = accelerate.Accelerator.__init__


def _sharding(self, *arguments, **options):
    _start(self, *arguments, **options)
    plugin = FullyShardedDataParallelPlugin(fsdp_version=2, auto_wrap_policy="NO_WRAP", reshard_after_forward=True)
    AcceleratorState._shared_state |= {"distributed_type": DistributedType.FSDP, "fsdp_plugin": plugin}


accelerate.Accelerator.__init__ = _sharding
sys.exit(main())
