"""python train/reward.py

A reward model on out/data/dpo.jsonl: the base with a LoRA adapter and one output, which is to be higher for the chosen
answer than for the rejected one. Reads the pairs and --base; writes out/reward (adapter with its head, tokenizer,
chat.json, log.json, held_out.jsonl: both rewards of every pair held out, run.json). eval/rerank.py takes the best of
several samples by it. A killed run goes on from its last checkpoint.
"""

import sys
import time
from argparse import Namespace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import chat, cli, files, model, provenance, tracking
from common.apart import is_first, sharded
from common.check import check, take_steps
from common.domain import load_domain
from common.rows import group_pairs, read_pairs
from common.training import (
    BOUNDS,
    LORA_BOUNDS,
    add_lora_flags,
    add_training_flags,
    check_lengths,
    check_names,
    check_targets,
    check_whole_steps,
    limited,
    lora_config,
    make_trainer_arguments,
    prepare_output,
    prepare_trainer,
    remove_checkpoints,
    resume_point,
    save_adapter,
    training_metrics,
)
from data import gen_dpo
from train.dpo import SAME, SIDES, split_pairs


def parse_args(argv=None):
    parser = cli.parser(__doc__, "reward")
    parser.add_argument(
        "--data", default=None, help="JSONL with prompt, chosen, rejected (default: out/data/dpo.jsonl)"
    )
    add_training_flags(parser)
    add_lora_flags(parser)
    parser.add_argument(
        "--chat_template", default=None, help="a Jinja file, or chatml, where the base's own is missing or unfit"
    )
    parser.add_argument(
        "--held_out_share",
        type=float,
        default=0.1,
        help="share of the pairs' groups (a cluster or a prompt) kept for the accuracy that is reported",
    )
    parser.set_defaults(
        learning_rate=1e-4,
        num_train_epochs=1.0,
        per_device_train_batch_size=4,
        gradient_accumulation_steps=4,
        max_length=2048,
    )
    return check_whole_steps(cli.within(cli.parse(parser, argv), **BOUNDS, **LORA_BOUNDS, held_out_share=(0.01, 0.5)))


def pairwise_loss(chosen, rejected):
    """The loss that is trained, of two tensors of rewards (one for each pair): mean of -log sigmoid(chosen - rejected).

    With rewards as strengths in the Bradley-Terry model, sigmoid(r(chosen) - r(rejected)) is the probability that the
    chosen answer is preferred, so this is the mean negative log-likelihood of the preferences (arXiv 2203.02155,
    equation 1, with one pair for each prompt). Only differences count: rewards of different prompts cannot be compared.
    """
    import torch

    return -torch.nn.functional.logsigmoid(chosen - rejected).mean()


def build_trainer(args, network, tokenizer, rows, held, domain, work):
    """TRL's RewardTrainer over the base with a fresh adapter; the head is trained whole."""
    from datasets import Dataset
    from trl import RewardConfig, RewardTrainer

    trainer = RewardTrainer(
        model=network,
        args=make_trainer_arguments(args, RewardConfig, work),
        processing_class=tokenizer,
        peft_config=lora_config(args, "SEQ_CLS"),
        train_dataset=Dataset.from_list(chat.training_rows(rows, domain.SYSTEM_PROMPT, SIDES)),
        eval_dataset=Dataset.from_list(chat.training_rows(held, domain.SYSTEM_PROMPT, SIDES)),
    )
    return prepare_trainer(trainer, args)


def check_steps(args, tokenizer, rows, work):
    """Figures of two steps over these rows, see common/check.py."""
    domain, network = load_domain(args.domain, args.out), model.load_base(args.base, args, scalar=True)
    return take_steps(build_trainer(args, network, tokenizer, rows, rows[:1], domain, work))


def rewards(network, tokenizer, system, prompts, answers, batch_size=16):
    """The reward of each answer to its prompt: a tensor on the CPU. Rows of similar length run together."""
    import torch

    rows = [{"prompt": prompt, "answer": answer} for prompt, answer in zip(prompts, answers, strict=True)]
    texts = [row["prompt"] + row["answer"] for row in chat.training_rows(rows, system, ("answer",))]
    ids = [tokenizer.apply_chat_template(text, return_dict=False) for text in texts]
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    made, was_training = torch.zeros(len(ids)), network.training
    network.eval()
    narrow = str(network.config.dtype).endswith("bfloat16")  # and the head is float32, as the adapter
    with torch.inference_mode(), torch.autocast(network.device.type, torch.bfloat16, enabled=narrow):
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            batch = tokenizer.pad({"input_ids": [ids[i] for i in chosen]}, padding_side="right", return_tensors="pt")
            scores = network(**batch.to(network.device), use_cache=False).logits[:, 0]
            made[chosen] = scores.float().cpu()
    network.train(was_training)
    return made


def load(folder):
    """(network, tokenizer) of a trained reward model, on the base and with the quantisation that its run.json names."""
    from peft import PeftModel

    record = files.read_json(folder / "run.json", "python train/reward.py")
    settings = Namespace(**record["settings"])
    model.check_adapter(folder, settings.base)
    tokenizer = model.load_tokenizer(folder)
    base = model.load_base(settings.base, settings, scalar=True)
    base.config.get_text_config().pad_token_id = tokenizer.pad_token_id
    return PeftModel.from_pretrained(base, str(folder)), tokenizer


def held_out_figures(trainer, tokenizer, system, held, folder, seed):
    """Accuracy and loss on the pairs held out, beside the rule "the longer answer is better"; writes held_out.jsonl."""
    from eval import stats

    values = {}
    for side in SIDES:
        made = rewards(trainer.model, tokenizer, system, [row["prompt"] for row in held], [row[side] for row in held])
        values[side] = made
    files.write_jsonl(
        folder / "held_out.jsonl",
        [
            {"id": row["id"], **{f"{side}_reward": float(values[side][i]) for side in SIDES}}
            for i, row in enumerate(held)
        ],
    )
    groups = group_pairs(held)
    right = [int(a > b) for a, b in zip(values["chosen"], values["rejected"], strict=True)]
    longer = [(len(row["chosen"]) > len(row["rejected"])) - (len(row["chosen"]) < len(row["rejected"])) for row in held]
    accuracy, low, high = stats.mean_interval(right, groups, seed=seed)
    return {
        "pairs": len(held),
        "accuracy": accuracy,
        "low": low,
        "high": high,
        "loss": float(pairwise_loss(values["chosen"], values["rejected"])),
        "accuracy_of_the_longer": sum((1 + one) / 2 for one in longer) / len(longer),
    }


def main(args):
    started = time.time()
    if sharded():
        raise cli.UserError("a reward model is trained with recipes/accelerate/ddp.yaml; its head cannot be split.")
    args.dtype = model.choose_dtype(args.dtype)
    check_names(args)
    domain = load_domain(args.domain, args.out)
    data = Path(args.data) if args.data else args.out / "data/dpo.jsonl"
    folder = args.out / "reward"
    provenance.check_data(args, domain, gen_dpo, data)
    rows, same = read_pairs(data, f"python data/gen_dpo.py{args.command_tail}")
    rows, held = split_pairs(limited(rows, args), args.held_out_share)
    model.require_base(args.base)
    check_targets(args, scalar=True)
    tokenizer, decision = chat.prepare_tokenizer(args.base, args.chat_template)
    check_lengths(tokenizer, domain.SYSTEM_PROMPT, rows + held, SIDES, args)
    check(args, check_steps, tokenizer, domain.SYSTEM_PROMPT, rows, SIDES, model.parameters_of(args.base))
    if args.check:
        return
    template = [tokenizer.chat_template, tokenizer.eos_token, tokenizer.pad_token]
    work = prepare_output(folder, args, data, system_prompt=domain.SYSTEM_PROMPT, template=template)
    run = tracking.start(args, work)
    network = model.load_base(args.base, args, scalar=True)
    trainer = build_trainer(args, network, tokenizer, rows, held, domain, work)
    tracking.watch(trainer, run)
    trainable, total = model.trainable_share(trainer.model)
    kept = len(trainer.train_dataset)  # trl leaves out what is longer than --max_length, of --allow_truncation
    print(f"{kept} pairs, {len(held)} held out, {trainable:,} of {total:,} parameters trained", flush=True)
    trainer.train(resume_from_checkpoint=resume_point(work))
    if not is_first():
        return
    found = held_out_figures(trainer, tokenizer, domain.SYSTEM_PROMPT, held, folder, args.seed)
    metrics = training_metrics(trainer, folder, trainable=trainable, total=total, held_out=found)
    files.write_json(folder / "chat.json", decision)
    save_adapter(folder, trainer.model, tokenizer, "reward", args.base, None, data, domain.SYSTEM_PROMPT)
    counts = {"pairs": kept, "held_out": len(held), SAME: same}
    files.write_run_record(folder, args, started, inputs=[data], counts=counts, metrics=metrics)
    tracking.finish(run, folder)
    remove_checkpoints(folder, args)
    print(
        f"right on {found['accuracy']:.1%} ({100 * found['low']:.1f} to {100 * found['high']:.1f}) of {len(held)} "
        f"pairs held out, loss {found['loss']:.3f}; the longer answer is the chosen one in "
        f"{found['accuracy_of_the_longer']:.1%}; wrote {folder} in {time.time() - started:.0f} s; "
        f"next: python eval/rerank.py{args.command_tail}"
    )


if __name__ == "__main__":
    cli.run(main, parse_args)
