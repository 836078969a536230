"""accelerate launch --config_file recipes/accelerate/fsdp_qlora.yaml tests/shared_weights.py train/sft.py FLAGS...

Runs a trainer whose processes share one model's weights where there is no GPU: accelerate splits weights (FSDP) on
accelerators only and would give each process of a CPU a whole model. torch's FSDP itself runs on a CPU.
"""

import contextlib
import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType
from torch.distributed.fsdp._flat_param import FlatParamHandle

whole = AcceleratorState.__init__


def shared(self, *given, fsdp_plugin=None, **more):
    whole(self, *given, fsdp_plugin=fsdp_plugin, **more)
    if self.distributed_type == DistributedType.MULTI_CPU and fsdp_plugin is not None:
        self.distributed_type, self.fsdp_plugin = DistributedType.FSDP, fsdp_plugin
        self.device = torch.device("cpu")  # FSDP takes cpu:0 for another device than the weights'
        if self._mixed_precision != "no":
            fsdp_plugin.set_mixed_precision(self._mixed_precision)


if __name__ == "__main__":
    # Gathered weights are moved to main memory and then freed where they were: here that is the same place.
    FlatParamHandle.to_cpu = lambda self: contextlib.nullcontext()
    AcceleratorState.__init__ = shared
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
