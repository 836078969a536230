"""python bench/training.py

Seconds a row of SFT and of DPO takes: trl's trainers as they are beside the same trainers as train/sft.py and
train/dpo.py prepare them, on the same rows with the recipe's settings, in turns, each in a process of its own. The
first step is left out. A third way, of DPO alone, is ours with the reference's log-probs known from another training
(--precompute_ref_log_probs). Reads data/sft.jsonl, out/data/dpo.jsonl, out/sft; writes bench/results/training.json.
"""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and the stages when run by hand

from common import chat, cli, files, model, passes
from common.apart import apart
from common.domain import load_domain
from common.rows import read_examples, read_pairs
from train import dpo, sft

TARGET = files.ROOT / "bench/results/training.json"
STAGES = {"sft": sft, "dpo": dpo}
KNOWN = "ours, reference known"
WAYS = {"sft": ("trl", "ours"), "dpo": ("trl", "ours", KNOWN)}


def parse_args(argv=None):
    parser = cli.plain_parser(__doc__)
    parser.add_argument("--recipe", default="recipes/cpu.yaml", help="whose settings are taken")
    parser.add_argument("--out", type=Path, default=cli.from_root("out"), help="folder of a run, with sft and data")
    parser.add_argument("--rows", type=int, default=48, help="rows of SFT and pairs of DPO")
    parser.add_argument("--turns", type=int, default=2, help="how often each is measured")
    return cli.within(parser.parse_args(argv), rows=(8, None), turns=(1, None))


def as_trl_has_it():
    """Turn off what this project does to a trainer."""
    for stage in (sft, dpo):
        stage.prepare_trainer = lambda trainer, *given: trainer
    passes.share_prompts = lambda network: None


def build(args, stage, way, work):
    """The stage's trainer over the first rows of its data, one epoch, nothing evaluated or saved."""
    flags = ["--recipe", args.recipe, "--out", str(args.out), "--num_train_epochs", "1", "--warmup_steps", "0"]
    flags += ["--eval_steps", "100000", "--save_steps", "100000"]
    settings = STAGES[stage].parse_args(flags)
    settings.dtype = model.choose_dtype(settings.dtype)
    domain = load_domain(settings.domain, settings.out)
    if stage == "sft":
        rows = read_examples(files.ROOT / "data/sft.jsonl")[: args.rows]
        tokenizer, _ = chat.prepare_tokenizer(settings.base, settings.chat_template)
        base = model.load_base(settings.base, settings)
        return sft.build_trainer(settings, base, tokenizer, rows, rows[:1], domain, work)
    rows = read_pairs(args.out / "data/dpo.jsonl")[0][: args.rows]
    policy = model.load_trained(settings, args.out / "sft")
    trainer = dpo.build_trainer(settings, policy, model.load_tokenizer(args.out / "sft"), rows, [], domain, work)
    if way == KNOWN:
        dpo.precompute(trainer, settings, args.out / "sft", model.check_adapter(args.out / "sft", settings.base))
    return trainer


def measure(args, stage, way) -> dict:
    """Seconds for each row after the first step, and the mean loss."""
    from transformers import TrainerCallback

    if way == "trl":
        as_trl_has_it()
    ends = []

    class Ends(TrainerCallback):
        """The time at each step's end."""

        def on_step_end(self, *given, **named):
            ends.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as work:
        trainer = build(args, stage, way, Path(work))
        trainer.add_callback(Ends())
        loss = trainer.train().training_loss
    settings = trainer.args
    each = settings.per_device_train_batch_size * settings.gradient_accumulation_steps
    rows = len(trainer.train_dataset) - each
    if len(ends) < 2:
        raise cli.UserError(f"--rows {args.rows} is one step of {stage}; give more than {each}.")
    return {"seconds_a_row": round((ends[-1] - ends[0]) / rows, 3), "loss": round(loss, 4), "rows": rows}


def main(args):
    found = {}
    for _ in range(args.turns):
        for stage in STAGES:
            for way in WAYS[stage]:
                made = apart(f"measures {stage}", measure, args, stage, way)
                found.setdefault(stage, {}).setdefault(way, []).append(made)
                print(f"{stage}, {way}: {made['seconds_a_row']} s a row, mean loss {made['loss']}", flush=True)
    for stage, ways in found.items():
        seconds = {way: statistics.mean(one["seconds_a_row"] for one in made) for way, made in ways.items()}
        ways["ratio"] = round(seconds["trl"] / seconds["ours"], 2)
        print(f"{stage}: trl {seconds['trl']:.2f} s a row, ours {seconds['ours']:.2f}: {ways['ratio']} times as fast")
        if KNOWN in seconds:
            ways["ratio_known"] = round(seconds["ours"] / seconds[KNOWN], 2)
            print(f"{stage}, {KNOWN}: {seconds[KNOWN]:.2f} s a row, {ways['ratio_known']} times as fast as ours")
    setting = {"recipe": args.recipe, "rows": args.rows, "cores": len(os.sched_getaffinity(0))}
    files.write_json(TARGET, {"setting": setting | {"versions": files.versions()}, "stages": found})
    print(f"wrote {files.shown(TARGET)}")


if __name__ == "__main__":
    cli.run(main, parse_args)
