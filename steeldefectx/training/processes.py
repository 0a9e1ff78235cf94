"""The processes of a run: device, precision and cores of this one, and whether all that were asked for run."""

from __future__ import annotations

import os
import re
from pathlib import Path

import torch
from accelerate import Accelerator, PartialState
from accelerate.state import AcceleratorState
from accelerate.utils import TorchDynamoPlugin, parse_flag_from_env

from steeldefectx.errors import ConfigError
from steeldefectx.models.names import CLIP_ADAPTER
from steeldefectx.models.precision import dtype_for
from steeldefectx.training.config import TrainConfig
from steeldefectx.utils.cores import launcher_set_one_thread, usable_cores

_NUM_PROCESSES = re.compile(r"\0--num[_-]processes(?:\0|=)(\d+)\0")


def start_accelerator(config: TrainConfig) -> tuple[Accelerator, torch.dtype]:
    """The processes, the device, and the precision that towers compute in there.

    Raises:
        ConfigError: Fewer processes than were asked for, a tracker that is not installed, or a batch that does
            not divide among the processes.
    """
    state = PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU"))  # as Accelerator will
    dtype = dtype_for(config.precision, state.device)
    trained_towers = config.method != CLIP_ADAPTER
    tracker = None if config.tracker == "none" else config.tracker
    # Of an earlier run in this process, whose precision may be another; the processes stay as they are.
    AcceleratorState._reset_state()
    try:
        accelerator = Accelerator(
            mixed_precision="bf16" if trained_towers and dtype == torch.bfloat16 else "no",
            log_with=tracker,
            project_dir=str(Path(config.output_dir).expanduser()),
            dynamo_plugin=TorchDynamoPlugin(backend="inductor", dynamic=True) if config.compile else None,
        )
        if tracker:
            settings = {
                key: value if isinstance(value, int | float | str) else str(value)
                for key, value in config.resolved().items()
            }
            accelerator.init_trackers(tracker, config=settings)
    except (ValueError, ImportError) as error:
        raise ConfigError(f"tracker {config.tracker}: {error}; pip install {config.tracker}.") from error
    refuse_lost_processes(accelerator.num_processes)
    _use_cores(accelerator)
    if config.batch_size % accelerator.num_processes:
        raise ConfigError(
            f"batch_size {config.batch_size} does not divide among {accelerator.num_processes} processes."
        )
    return accelerator, dtype


def _use_cores(accelerator: Accelerator) -> None:
    """Undo one thread that a launcher has set without being asked to: this process's share of the cores it may use."""
    if accelerator.device.type == "cpu" and launcher_set_one_thread():
        torch.set_num_threads(max(1, usable_cores() // accelerator.num_processes))


def refuse_lost_processes(running: int) -> None:
    """Check that as many processes run as were asked for.

    ``accelerate launch --cpu --num_processes 2`` starts one and says nothing: the only trace of the two is the
    launcher's own command line, read where the system shows it.

    Raises:
        ConfigError: There are fewer.
    """
    asked = int(os.environ.get("WORLD_SIZE", "1"))
    launcher = Path(f"/proc/{os.getppid()}/cmdline")
    if "WORLD_SIZE" not in os.environ and launcher.is_file():
        command = launcher.read_bytes().decode("utf-8", "replace")
        flag = _NUM_PROCESSES.search(command)
        if "accelerate" in command and flag:
            asked = int(flag[1])
    if running < asked:
        raise ConfigError(
            f"{asked} processes were asked for and {running} runs: `accelerate launch` starts one without a GPU. On "
            f"CPUs, ACCELERATE_USE_CPU=true torchrun --nproc-per-node {asked} -m steeldefectx.train ... starts {asked}."
        )
