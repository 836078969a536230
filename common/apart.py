"""A function in a process of its own, whose memory, on the card too, is free again when it ends."""

from common.cli import UserError, quiet


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
