"""Two real steps at the longest batch, before a long training: whether it fits, how long it takes, what to change."""

import copy
import itertools
import tempfile
import time
from pathlib import Path

from common import chat, files
from common.apart import apart, processes
from common.cli import UserError

LONG = 600  # seconds; a training that surely takes less is not checked
# Floating-point operations a second that a training reaches at least. Only to tell a training of a few minutes from a
# longer one: two cores reached 0.6e11 (DPO, with evaluations) to 1.9e11 (SFT) at 135 M parameters (November 2026).
SPEED = {"cpu": 1e11, "cuda": 2e13}
ROOM = 0.95  # of the memory there is
GIB = 2**30


def row_lengths(tokenizer, system, rows, columns) -> list:
    """Tokens that a training runs for each row: prompt, answer and stop token, for each of the columns."""
    return [
        sum(len(chat.encode(tokenizer, row["prompt"], system)) + 1 for _ in columns)
        + sum(len(chat.answer_ids(tokenizer, row[name])) for name in columns)
        for row in rows
    ]


def is_due(args, operations) -> bool:
    """Whether a check is asked for, or so many operations may take more than ten minutes.

    A training that goes on from a checkpoint has shown that it fits.
    """
    import torch

    if any((args.out / args.section / "checkpoints").glob("checkpoint-*")):
        return args.check
    return args.check or operations / SPEED["cuda" if torch.cuda.is_available() else "cpu"] > LONG


def longest_batches(args, rows, lengths, packed) -> list:
    """Rows for two batches of the longest there are; in a packed sequence as many as fit, repeated where rows lack."""
    order = sorted(range(len(rows)), key=lambda i: -lengths[i])
    each = max(1, args.max_length // lengths[order[0]]) if packed else 1
    wanted = 2 * args.per_device_train_batch_size * each
    return [rows[i] for i in itertools.islice(itertools.cycle(order[:wanted]), wanted)]


def watch(trainer):
    """(batches, ends) that fill as the trainer trains: the shape of each batch, and the time at each step's end."""
    import torch
    from transformers import TrainerCallback

    batches, ends, inner = [], [], trainer.training_step

    def step(model, inputs, *rest, **more):
        batches.append(list(inputs["input_ids"].shape))
        return inner(model, inputs, *rest, **more)

    class Ends(TrainerCallback):
        """Waits for the GPU's work, so that a step's time is its own."""

        def on_step_end(self, args, state, control, **kwargs):
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            ends.append(time.perf_counter())

    trainer.training_step = step
    trainer.add_callback(Ends())
    return batches, ends


def memory_now() -> dict:
    """GiB: allocated now ("now"), the most so far ("peak") and what there is ("total"), of the card or of this
    process and machine."""
    import os

    import torch

    if torch.cuda.is_available():
        total = torch.cuda.mem_get_info()[1]
        used, peak = torch.cuda.memory_allocated(), torch.cuda.max_memory_reserved()
        return {"now": used / GIB, "peak": peak / GIB, "total": total / GIB}
    peak = files.peak_memory_gib()
    return {"now": peak, "peak": peak, "total": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB}


def take_steps(trainer) -> dict:
    """{fixed, peak, total (GiB), seconds of the second step, batch [rows, width]}; "peak" None when memory ran out, and
    "batch", too, when it did before the first step."""
    import torch

    trainer.args.max_steps, trainer.args.eval_strategy, trainer.args.save_strategy = 2, "no", "no"
    batches, ends = watch(trainer)
    before = memory_now()
    found = {"fixed": before["now"], "total": before["total"]}
    try:
        trainer.train()
    except torch.OutOfMemoryError:
        return {**found, "peak": None, "batch": batches[-1] if batches else None}
    return {**found, "peak": memory_now()["peak"], "seconds": ends[1] - ends[0], "batch": batches[-1]}


def measured(steps, args, tokenizer, rows, work) -> dict:
    """What steps(args, tokenizer, rows, work) found, see take_steps, or that memory ran out as the model was loaded."""
    import torch

    try:
        return steps(args, tokenizer, rows, work)
    except torch.OutOfMemoryError:
        return {"total": memory_now()["total"], "peak": None, "batch": None}


def advice(args, found) -> str:
    """What to change, when two steps did not fit: the batch that would fit, or what else takes memory."""
    size, began = args.per_device_train_batch_size, found["batch"] is not None
    if found["peak"] is None:
        fitting = size // 2 if began else 0
    else:
        each = max(found["peak"] - found["fixed"], 1e-9) / size
        fitting = min(size - 1, int((ROOM * found["total"] - found["fixed"]) / each))
    if fitting >= 1:
        more = -(-size * args.gradient_accumulation_steps // fitting)
        return f"--per_device_train_batch_size {fitting} --gradient_accumulation_steps {more}"
    if began and not args.gradient_checkpointing:
        return "--gradient_checkpointing"
    if not args.load_in_4bit:
        return "--load_in_4bit"
    return "a smaller base" + (f", or shorter rows (--max_length below {args.max_length})" if began else "")


def check(args, steps, tokenizer, system, rows, columns, parameters):
    """Run steps(args, tokenizer, rows of the longest batches, work folder) in a process of its own and say how it was.

    Writes check.json to the stage's folder. Does nothing when a check is not due. UserError, with what to change, when
    the training would not fit.
    """
    if processes() > 1:
        if args.check:
            raise UserError("--check is for one process; leave accelerate launch out.")
        return
    lengths = row_lengths(tokenizer, system, rows, columns)
    tokens = sum(lengths) * args.num_train_epochs
    # For each parameter and token 2 operations forward, 2 again in the backward pass, whose other 2, for the weights'
    # gradients, a frozen base is spared, and 2 for checkpoints; DPO's reference runs forward too.
    if not is_due(args, (6 if len(columns) == 1 else 8) * parameters * tokens):
        return
    trial = copy.copy(args)
    trial.gradient_accumulation_steps, trial.report_to, trial.packing = 1, "none", getattr(args, "packing", False)
    chosen = longest_batches(args, rows, lengths, trial.packing)
    with tempfile.TemporaryDirectory() as work:
        found = apart(f"checks {args.section}", measured, steps, trial, tokenizer, chosen, Path(work))
    files.write_json(args.out / args.section / "check.json", found)
    shape = "x".join(map(str, found["batch"] or []))
    if found["peak"] is None or found["peak"] > ROOM * found["total"]:
        took = "more than there is" if found["peak"] is None else f"{found['peak']:.1f} GiB"
        what = f"a step of {shape} tokens" if shape else "the model alone"
        raise UserError(
            f"{args.section} does not fit: {what} takes {took} of {found['total']:.1f} GiB; change this: "
            f"{advice(args, found)}."
        )
    rate = found["batch"][0] * found["batch"][1] / found["seconds"]
    print(
        f"check of {args.section}: it fits; two steps of the longest batch ({shape} tokens) took {found['peak']:.1f} "
        f"of {found['total']:.1f} GiB; {tokens:,.0f} tokens at {rate:,.0f} a second take about "
        f"{tokens / rate / 3600:.1f} hours, evaluations not counted",
        flush=True,
    )
