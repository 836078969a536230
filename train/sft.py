"""python train/sft.py

QLoRA supervised fine-tuning on data/sft.jsonl: a LoRA adapter over the base in NF4, loss on the completion only.
Reads data/sft.jsonl and --base; writes out/sft (adapter, tokenizer, chat.json: what was decided about chat template and
stop token; merged/, log.json, samples.md, run.json). --replay mixes rows of another file in, of what the base could do
before, against the alignment tax. A killed run goes on from its last checkpoint.
"""

import contextlib
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import chat, cli, files, model, provenance, rows_domain, tracking
from common.apart import is_first
from common.check import check, take_steps
from common.domain import load_domain
from common.rows import read_examples
from common.sharded import check_sharding, make_whole, prepare_sharding
from common.training import (
    BOUNDS,
    DEV_BOUNDS,
    LORA_BOUNDS,
    add_dev_flag,
    add_lora_flags,
    add_training_flags,
    check_lengths,
    check_names,
    check_targets,
    check_whole_steps,
    conversation_of,
    held_out,
    limited,
    lora_config,
    make_trainer_arguments,
    perplexity_of,
    prepare_output,
    prepare_trainer,
    remove_checkpoints,
    resume_point,
    save_adapter,
    training_metrics,
    write_samples,
)
from data import gen_sft
from train.merge import add_strict_flag, merge


def parse_args(argv=None):
    parser = cli.parser(__doc__, "sft")
    parser.add_argument(
        "--data", default=None, help="rows of one's own, see data/convert.py for the formats (default: data/sft.jsonl)"
    )
    parser.add_argument(
        "--replay", default=None, metavar="FILE", help="rows of general use to mix in, in the forms that --data takes"
    )
    parser.add_argument("--replay_share", type=float, default=0.1, help="share of --replay's among all rows trained on")
    add_training_flags(parser)
    add_lora_flags(parser)
    add_dev_flag(parser)
    add_strict_flag(parser)
    rows_domain.add_flags(parser)
    parser.add_argument(
        "--chat_template", default=None, help="a Jinja file, or chatml, where the base's own is missing or unfit"
    )
    parser.add_argument(
        "--packing", action=cli.Switch, default=True, help="several rows in one sequence, isolated from each other"
    )
    parser.add_argument(
        "--train_sampling_strategy",
        default="random",
        choices=("random", "group_by_length"),
        help="group_by_length puts rows of similar length together: little padding where there is no packing",
    )
    parser.set_defaults(
        learning_rate=2e-4,
        num_train_epochs=2.0,
        per_device_train_batch_size=4,
        gradient_accumulation_steps=4,
        max_length=2048,
    )
    bounds = BOUNDS | DEV_BOUNDS | LORA_BOUNDS
    args = cli.within(cli.parse(parser, argv), **bounds, replay_share=(0, 0.9), pair_share=(0, 0.9))
    return check_whole_steps(args)


def data_of(args) -> Path:
    """The file to learn from; of a domain of rows alone the part that is not held out."""
    if args.domain == rows_domain.NAME:
        path = rows_domain.prepare(args)
        args.data = args.data or str(path)  # so that the record says that no stage of the pipeline made it
        return path
    if args.benchmark:
        raise cli.UserError("--benchmark goes with --domain rows; another domain has a benchmark of its own.")
    return Path(args.data) if args.data else files.product(args, "data/sft.jsonl")


def replayed(args, rows) -> list:
    """As many rows of --replay, by --seed, as make --replay_share of these rows and themselves; none without --replay.

    A row without a system message of its own gets an empty one: under the domain's it would teach that anything may be
    asked of the domain.
    """
    if not args.replay:
        return []
    found = read_examples(Path(args.replay))
    wanted = round(len(rows) * args.replay_share / (1 - args.replay_share))
    if wanted > len(found):
        print(f"note: {args.replay} has {len(found)} rows, where a share of {args.replay_share:g} asks for {wanted}.")
    chosen = sorted(random.Random(args.seed).sample(range(len(found)), min(wanted, len(found))))
    return [{**found[i], "prompt": chat.messages(found[i]["prompt"], "")} for i in chosen]


def read_rows(args, domain, data) -> tuple:
    """(the rows to train on with those of --replay among them, those of --replay, how many there are of each)."""
    provenance.check_data(args, domain, gen_sft, data)
    rows = limited(read_examples(data, f"python data/gen_sft.py{args.command_tail}"), args)
    again = replayed(args, rows)
    counts = {"rows": len(rows), **({"replay": len(again)} if args.replay else {})}
    if again:
        rows = rows + again
        random.Random(args.seed).shuffle(rows)
    return rows, again, counts


def build_trainer(args, base, tokenizer, rows, dev_rows, domain, work):
    """TRL's SFTTrainer over the quantised base with a fresh adapter."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    settings = make_trainer_arguments(args, SFTConfig, work, completion_only_loss=True, eval_packing=False)
    columns = ("completion",)
    trainer = SFTTrainer(
        model=base,
        args=settings,
        processing_class=tokenizer,
        peft_config=lora_config(args),
        train_dataset=Dataset.from_list(chat.training_rows(rows, domain.SYSTEM_PROMPT, columns)),
        eval_dataset=Dataset.from_list(chat.training_rows(dev_rows, domain.SYSTEM_PROMPT, columns)),
    )
    return prepare_trainer(trainer, args)


def check_labels(trainer, tokenizer, stop_id, packing, expected):
    """Refuse to train when a row has no label, or when its last label is not the stop token.

    Looks at what the trainer will really use: every prepared row (trl drops those without a label, so their number must
    be `expected`), and one collated batch.
    """
    if not packing and len(trainer.train_dataset) != expected:
        raise cli.UserError(
            f"{expected - len(trainer.train_dataset)} of {expected} rows have no trained token: their completion is "
            "empty or cut off; check the data and --max_length."
        )
    if not packing:
        for i, row in enumerate(trainer.train_dataset["labels"]):
            trained = [label for label in row if label != -100]
            if not trained:
                raise cli.UserError(f"row {i} of the training data has no trained token: all its labels are masked.")
            if stop_id not in trained:
                raise cli.UserError(
                    f"row {i} does not train the stop token {tokenizer.decode([stop_id])!r}; the model "
                    "would never stop. Check the chat template, and --max_length."
                )
    batch = next(iter(trainer.get_train_dataloader()))
    labels = batch["labels"]
    if not (labels != -100).any():
        raise cli.UserError("every label of the first batch is masked; nothing would be trained.")
    if not (labels == stop_id).any():
        raise cli.UserError(
            f"no label of the first batch is the stop token {tokenizer.decode([stop_id])!r}; the model "
            "would never stop. Check the chat template and the pad token."
        )


def check_steps(args, tokenizer, rows, work):
    """Figures of two steps over these rows, see common/check.py."""
    domain = load_domain(args.domain, args.out)
    return take_steps(build_trainer(args, model.load_base(args.base, args), tokenizer, rows, rows[:1], domain, work))


def finish(args, trainer, tokenizer, domain, dev_rows, before, data, decision) -> dict:
    """Figures after training; writes adapter, tokenizer, what was decided about the chat template, and samples."""
    folder = args.out / "sft"
    after = perplexity_of(trainer.model, tokenizer, domain, dev_rows)
    trainable, total = model.trainable_share(trainer.model)
    told = {"perplexity_before": before, "perplexity_after": after}
    metrics = training_metrics(trainer, folder, **told, trainable=trainable, total=total)
    files.write_json(folder / "chat.json", decision)
    save_adapter(folder, trainer.model, tokenizer, "sft", args.base, None, data, domain.SYSTEM_PROMPT)
    trained = ("sft", trainer.model, contextlib.nullcontext())
    write_samples(folder, domain, tokenizer, trained, ("base", trainer.model, trainer.model.disable_adapter()))
    return metrics


def main(args):
    started = time.time()
    args.dtype = model.choose_dtype(args.dtype)
    check_names(args)
    check_sharding(args)
    data = data_of(args)
    domain = load_domain(args.domain, args.out)
    folder = args.out / "sft"
    rows, again, counts = read_rows(args, domain, data)
    dev_rows, dev = held_out(domain, args)
    model.require_base(args.base)
    check_targets(args)
    tokenizer, decision = chat.prepare_tokenizer(args.base, args.chat_template)
    stop_id = chat.stop_token_id(tokenizer)
    for said in decision["changes"] + [f"warning: {text}" for text in decision["warnings"]]:
        print(said, flush=True)
    check_lengths(tokenizer, domain.SYSTEM_PROMPT, rows, ("completion",), args)
    check(args, check_steps, tokenizer, domain.SYSTEM_PROMPT, rows, ("completion",), model.parameters_of(args.base))
    if args.check:
        return
    inputs = [data, *([Path(args.replay)] if args.replay else [])]
    more = {"replay": files.sha256(args.replay)} if args.replay else {}
    work = prepare_output(folder, args, data, **conversation_of(tokenizer, domain, dev_rows), **more)
    run = tracking.start(args, work)
    base = model.load_base(args.base, args)
    before = perplexity_of(base, tokenizer, domain, dev_rows)
    trainer = build_trainer(args, base, tokenizer, rows, dev_rows, domain, work)
    del base  # the trainer's now, to be freed with it
    tracking.watch(trainer, run)
    check_labels(trainer, tokenizer, stop_id, args.packing, len(rows))
    trainable, total = model.trainable_share(trainer.model)
    print(
        f"{len(rows)} rows, {len(again)} of them replayed; {trainable:,} of {total:,} parameters trained "
        f"({trainable / total:.1%}); held-out perplexity before: {before:.2f}",
        flush=True,
    )
    prepare_sharding(trainer, args)
    trainer.train(resume_from_checkpoint=resume_point(work))
    make_whole(trainer, args)
    if not is_first():
        return
    metrics = finish(args, trainer, tokenizer, domain, dev_rows, before, data, decision)
    del trainer
    model.release()  # the merge loads the base again
    merge(args, folder)
    files.write_run_record(folder, args, started, inputs=inputs, counts=counts, metrics=metrics, dev=dev)
    tracking.finish(run, folder)
    remove_checkpoints(folder, args)
    print(
        f"perplexity {before:.2f} -> {metrics['perplexity_after']:.3f}, {metrics['tokens_per_second']:.0f} tokens/s, "
        f"adapter {metrics['adapter_mib']:.1f} MiB, peak {files.peak_memory_gib():.1f} GiB; wrote {folder} in "
        f"{time.time() - started:.0f} s; next: python data/gen_dpo.py{args.command_tail}"
    )


if __name__ == "__main__":
    cli.run(main, parse_args)
