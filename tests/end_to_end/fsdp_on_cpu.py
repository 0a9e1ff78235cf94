"""train.py with its weights sharded over processes on a CPU, where Accelerate itself only shards on GPUs."""

from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin

from steeldefectx.cli.training import train_main

plain = AcceleratorState.__init__


def sharding(self, *args, **kwargs):
    plain(self, *args, **kwargs)
    if "fsdp_plugin" not in self._shared_state or self.fsdp_plugin is None:
        self.fsdp_plugin = FullyShardedDataParallelPlugin(
            fsdp_version=2, auto_wrap_policy="TRANSFORMER_BASED_WRAP", cpu_ram_efficient_loading=False
        )
    self.distributed_type = PartialState._shared_state["distributed_type"] = DistributedType.FSDP


AcceleratorState.__init__ = sharding

if __name__ == "__main__":
    train_main()
