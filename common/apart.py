"""Processes: which of several this is, and a function in one of its own, whose memory is free again when it ends."""

import contextlib
import os

from common.cli import UserError, quiet


def processes() -> int:
    """How many processes train together (accelerate launch); 1 without."""
    return int(os.environ.get("WORLD_SIZE", 1))


def sharded() -> bool:
    """Whether the processes share one model's weights (FSDP, by accelerate's config), each keeping a part."""
    return os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true"


def is_first() -> bool:
    """Whether this is the only process, or that of several that writes files and speaks."""
    return int(os.environ.get("RANK", 0)) == 0


def first_alone():
    """A context that the first of several processes goes through before the others."""
    if processes() == 1:
        return contextlib.nullcontext()
    import torch
    from accelerate import PartialState

    return PartialState(cpu=not torch.cuda.is_available()).main_process_first()


def apart(what: str, function, *given):
    """function(*given) in a new process; both must be importable by name. UserError when the process is killed."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    try:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=quiet) as pool:
            return pool.submit(function, *given).result()
    except BrokenProcessPool:
        raise UserError(
            f"the process that {what} was killed, most often for want of memory; free some and run the same command "
            "again."
        ) from None
