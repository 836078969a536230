"""python train/dpo.py

DPO on out/data/dpo.jsonl: goes on training the SFT adapter, with the frozen SFT model as the reference (proved at run
time). --loss_type names other losses of pairs (ipo, robust, sigmoid_norm, sft added by weights), or kto, which judges
each answer by itself. Reads out/data/dpo.jsonl, out/sft and --base; writes out/dpo (adapter, tokenizer, merged/,
log.json, samples.md, run.json). A killed run goes on from its last checkpoint.
"""

import contextlib
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import chat, cli, files, model, passes, provenance, rows_domain, tracking
from common.apart import is_first
from common.check import check, take_steps
from common.domain import load_domain
from common.rows import group_pairs, read_pairs
from common.sharded import check_sharding, make_whole, prepare_sharding
from common.training import (
    BOUNDS,
    DEV_BOUNDS,
    add_dev_flag,
    add_training_flags,
    check_lengths,
    check_names,
    check_whole_steps,
    conversation_of,
    held_out,
    limited,
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
from data import gen_dpo
from train.merge import add_strict_flag, merge
from train.reference import (
    kl_callback,
    kl_from_reference,
    kl_so_far,
    precompute,
    prove,
    reference_of,
    restore_policy,
)

KL_PROMPTS = 48
SIDES = ("chosen", "rejected")
SAME = "dropped: chosen is rejected"
# Losses of trl's DPOTrainer, which compare the two answers of a pair, and of its KTOTrainer, which judge one answer.
OF_PAIRS = ("sigmoid", "sft", "ipo", "robust", "sigmoid_norm", "hinge", "exo_pair", "nca_pair", "bco_pair", "sppo_hard",
            "aot", "aot_unpaired", "apo_zero", "apo_down", "discopop")  # fmt: skip
OF_ANSWERS = ("kto", "apo_zero_unpaired")
# Below zero each of these trains the wrong way round; without a pull to the reference there is no loss of pairs.
LOSS_BOUNDS = {"beta": (0.001, None), "label_smoothing": (0, 0.5)}
LOSS_BOUNDS |= dict.fromkeys(("loss_weights", "desirable_weight", "undesirable_weight"), (0, None))


def parse_args(argv=None):
    parser = cli.parser(__doc__, "dpo")
    parser.add_argument(
        "--data",
        default=None,
        help="pairs of one's own, see data/convert.py for the formats (default: out/data/dpo.jsonl)",
    )
    add_training_flags(parser)
    add_dev_flag(parser)
    add_strict_flag(parser)
    parser.add_argument("--beta", type=float, default=0.1, help="strength of the pull to the reference")
    parser.add_argument(
        "--loss_type",
        nargs="+",
        default=["sigmoid"],
        help=f"losses of pairs, added up ({', '.join(OF_PAIRS)}), or one of answers ({', '.join(OF_ANSWERS)})",
    )
    parser.add_argument("--loss_weights", nargs="+", type=float, default=None, help="a weight for each loss")
    parser.add_argument(
        "--label_smoothing", type=float, default=0.0, help="robust, exo_pair: share of pairs taken to be the wrong way"
    )
    parser.add_argument("--desirable_weight", type=float, default=1.0, help="kto: weight of the chosen answers")
    parser.add_argument("--undesirable_weight", type=float, default=1.0, help="kto: weight of the rejected ones")
    parser.add_argument(
        "--held_out_share",
        type=float,
        default=0.05,
        help="share of the pairs' groups (a cluster or a prompt) kept for evaluation; 0 keeps none",
    )
    parser.add_argument(
        "--off_policy", action=cli.Switch, default=False, help="take pairs that were sampled from another SFT adapter"
    )
    parser.add_argument(
        "--precompute_ref_log_probs",
        action=cli.Switch,
        default=False,
        help="the reference reads each pair once for all trainings from this SFT model, not at every batch",
    )
    parser.set_defaults(
        learning_rate=5e-7,
        num_train_epochs=1.0,
        per_device_train_batch_size=2,
        gradient_accumulation_steps=8,
        max_length=2048,
    )
    args = cli.within(cli.parse(parser, argv), **BOUNDS, **DEV_BOUNDS, **LOSS_BOUNDS, held_out_share=(0, 0.5))
    return check_losses(check_whole_steps(args))


def check_losses(args):
    """`args` again; UserError for losses that there are not, that do not go together, or whose settings do not fit."""
    losses, known = args.loss_type, OF_PAIRS + OF_ANSWERS
    for name in losses:
        if name not in known:
            raise cli.UserError(f"no loss {name}{cli.nearest(name, known)}; there is {', '.join(known)}.")
    if args.loss_weights and len(args.loss_weights) != len(losses):
        raise cli.UserError(
            f"{len(args.loss_weights)} --loss_weights for {len(losses)} losses ({' '.join(losses)}); give one for each."
        )
    alone = next((name for name in losses if name in OF_ANSWERS), None)
    if alone and len(losses) > 1:
        raise cli.UserError(f"{alone} judges answers, not pairs, so no other loss can be added; give it alone.")
    if alone == "kto" and args.per_device_train_batch_size < 2:
        raise cli.UserError(
            "kto compares the answers of a batch, so --per_device_train_batch_size must be at least 2, not "
            f"{args.per_device_train_batch_size}."
        )
    if alone and args.precompute_ref_log_probs:
        raise cli.UserError(
            f"--precompute_ref_log_probs is for losses of pairs, and {alone} judges answers under other prompts, too; "
            "leave it out."
        )
    smoothed = [name for name in losses if name in ("robust", "exo_pair")]
    if smoothed and not 0 < args.label_smoothing < 0.5:
        raise cli.UserError(
            f"{smoothed[0]} needs --label_smoothing between 0 and 0.5, not {args.label_smoothing:g}: the share of the "
            "pairs that may be the wrong way round."
        )
    return args


def data_of(args) -> Path:
    """The file of pairs to learn from."""
    return Path(args.data) if args.data else args.out / "data/dpo.jsonl"


def split_pairs(rows, share):
    """(training rows, held-out rows), none held out when `share` is 0, else at least one group.

    No prompt and no cluster is on both sides; where prompts link all clusters to one another, no prompt is.
    """
    if not share:
        return rows, []
    own = group_pairs(rows)
    if len(set(own)) < 2:
        own = group_pairs(rows, by=())
        print("note: no cluster or schema_id can be held out whole, so pairs are held out by their prompts.")
    groups = sorted(set(own))
    if len(groups) < 2:
        raise cli.UserError("all pairs have one prompt, so none can be held out; add others, or --held_out_share 0.")
    kept_out = set(groups[:: max(2, round(1 / share))])
    held = [row for row, group in zip(rows, own, strict=True) if group in kept_out]
    return [row for row, group in zip(rows, own, strict=True) if group not in kept_out], held


def check_policy(args, rows, parent, data):
    """UserError for pairs that were sampled from another SFT adapter, without --off_policy."""
    policy = provenance.policy_of(rows, parent)
    if policy["off"] and not args.off_policy:
        raise cli.UserError(
            f"{policy['off']} of {len(rows)} pairs in {data} were sampled from another model than the SFT adapter "
            f"{args.out / 'sft'}; run python data/gen_dpo.py{args.command_tail} again, or say --off_policy."
        )
    if policy["unknown"]:
        print(f"note: {policy['unknown']} of {len(rows)} pairs do not say which model wrote them: taken as off-policy.")


def read_rows(args, domain, data, adapter) -> tuple:
    """(pairs to train on, pairs held out, how many there are of each, the lineage of the SFT adapter to go on from).

    UserError when data and adapter do not belong together.
    """
    provenance.check_data(args, domain, gen_dpo, data)
    rows, same = read_pairs(data, f"python data/gen_dpo.py{args.command_tail}")
    if same:
        print(f"note: {same} pairs are left out, whose chosen and rejected answers are the same.")
    parent = model.check_adapter(adapter, args.base)
    model.check_system(parent, adapter, domain.SYSTEM_PROMPT)
    rows_domain.check_taught(args, parent)
    check_policy(args, rows, parent, data)
    rows, held = split_pairs(limited(rows, args), args.held_out_share)
    return rows, held, {"pairs": len(rows), "held_out": len(held), SAME: same}, parent


def single_answers(rows, system, seed) -> list:
    """Pairs as TRL's KTOTrainer reads them, each answer by itself, in the order of `seed`.

    Its estimate of the KL puts each answer under the prompt of its neighbour, so the two of a pair cannot be neighbours
    by rule, nor all chosen ones come first.
    """
    made = [
        {"prompt": row["prompt"], "completion": row["completion"], "label": side == "chosen"}
        for side in SIDES
        for row in chat.training_rows([one | {"completion": one[side]} for one in rows], system, ("completion",))
    ]
    random.Random(seed).shuffle(made)
    return made


def build_trainer(args, policy, tokenizer, rows, held, domain, work, callbacks=()):
    """TRL's DPOTrainer or KTOTrainer; with ref_model=None they copy the loaded adapter to a frozen one named 'ref'."""
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer

    if args.loss_type[0] in OF_ANSWERS:
        make, config, more = KTOTrainer, KTOConfig, {"loss_type": args.loss_type[0]}
        rows, held = (single_answers(part, domain.SYSTEM_PROMPT, args.seed) for part in (rows, held))
    else:
        make, config, more = DPOTrainer, DPOConfig, {}
        rows, held = (chat.training_rows(part, domain.SYSTEM_PROMPT, SIDES) for part in (rows, held))
    more["precompute_ref_log_probs"] = False  # reference.precompute does it
    settings = make_trainer_arguments(args, config, work, evaluated=bool(held), **more)
    weights = {name: p.detach().clone() for name, p in policy.named_parameters() if p.requires_grad}
    trainer = make(
        model=policy,
        ref_model=None,
        args=settings,
        processing_class=tokenizer,
        callbacks=list(callbacks),
        train_dataset=Dataset.from_list(rows),
        eval_dataset=Dataset.from_list(held) if held else None,
    )
    if make is DPOTrainer:
        passes.share_prompts(trainer.model.get_base_model())
    return prepare_trainer(trainer, args, weights)


def check_steps(args, tokenizer, rows, work):
    """Figures of two steps over these rows, see common/check.py."""
    domain, policy = load_domain(args.domain, args.out), model.load_trained(args, args.out / "sft")
    return take_steps(build_trainer(args, policy, tokenizer, rows, rows[:1], domain, work))


def finish(args, trainer, tokenizer, domain, dev_rows, before, data, prompts, kl) -> dict:
    """Figures after training, a warning when the policy did not move; writes KL, adapter, tokenizer and samples."""
    folder, adapter = args.out / "dpo", args.out / "sft"
    step = trainer.state.global_step
    if not kl or kl[-1]["step"] < step:  # no evaluation at the end
        kl.append({"step": step, **kl_from_reference(trainer, tokenizer, prompts, args.seed)})
    after = perplexity_of(trainer.model, tokenizer, domain, dev_rows)
    trainable, total = model.trainable_share(trainer.model)
    told = {"perplexity_before": before, "perplexity_after": after}
    metrics = training_metrics(trainer, folder, **told, trainable=trainable, total=total)
    final = kl[-1]["kl"]
    if final < 1e-3:
        print(
            f"warning: the policy did not move (KL {final:.2g} nats per answer); raise --learning_rate or the epochs."
        )
    files.write_json(folder / "kl.json", kl)
    save_adapter(folder, trainer.model, tokenizer, "dpo", args.base, adapter, data, domain.SYSTEM_PROMPT)
    trained = ("dpo", trainer.model, contextlib.nullcontext())
    write_samples(folder, domain, tokenizer, trained, ("sft", *reference_of(trainer)))
    return {**metrics, "kl": final}


def main(args):
    started = time.time()
    args.dtype = model.choose_dtype(args.dtype)
    check_names(args)
    check_sharding(args)
    domain = load_domain(args.domain, args.out)
    data, folder, adapter = data_of(args), args.out / "dpo", args.out / "sft"
    rows, held, counts, parent = read_rows(args, domain, data, adapter)
    dev_rows, dev = held_out(domain, args)
    tokenizer = model.load_tokenizer(adapter)
    check_lengths(tokenizer, domain.SYSTEM_PROMPT, rows + held, SIDES, args)
    check(args, check_steps, tokenizer, domain.SYSTEM_PROMPT, rows, SIDES, model.parameters_of(args.base))
    if args.check:
        return
    work = prepare_output(folder, args, data, parent, **conversation_of(tokenizer, domain, dev_rows))
    run = tracking.start(args, work)
    network = model.load_trained(args, adapter)  # under the name that TRL copies its reference from
    before = perplexity_of(network, tokenizer, domain, dev_rows)
    prompts = [chat.encode(tokenizer, row["prompt"], domain.SYSTEM_PROMPT) for row in dev_rows[:KL_PROMPTS]]
    checkpoint = resume_point(work)
    kl = kl_so_far(work, checkpoint)
    watch = kl_callback(tokenizer, prompts, kl, work, args.seed)
    trainer = build_trainer(args, network, tokenizer, rows, held, domain, work, [watch])
    del network  # the trainer's now, to be freed with it
    tracking.watch(trainer, run)
    watch.trainer = trainer
    restore_policy(trainer, checkpoint)
    proof = prove(trainer, args, tokenizer, rows, domain.SYSTEM_PROMPT, adapter, work, checkpoint=checkpoint)
    if args.precompute_ref_log_probs:
        precompute(trainer, args, adapter, parent)
    trainable, total = model.trainable_share(trainer.model)
    print(f"{len(rows)} pairs, {len(held)} held out, {trainable:,} of {total:,} parameters trained", flush=True)
    prepare_sharding(trainer, args)
    trainer.train(resume_from_checkpoint=checkpoint)
    make_whole(trainer, args, adapter)
    if not is_first():
        return
    metrics = finish(args, trainer, tokenizer, domain, dev_rows, before, data, prompts, kl)
    del trainer, watch
    model.release()  # the merge loads the base again
    merge(args, folder)
    files.write_run_record(
        folder,
        args,
        started,
        inputs=[data],
        metrics=metrics,
        proof=proof,
        dev=dev,
        policy=provenance.policy_of(rows, parent),
        counts=counts,
    )
    tracking.finish(run, folder)
    remove_checkpoints(folder, args)
    print(
        f"KL {metrics['kl']:.3f} nats per answer, perplexity {before:.3f} -> {metrics['perplexity_after']:.3f}, peak "
        f"{files.peak_memory_gib():.1f} GiB; wrote {folder} in {time.time() - started:.0f} s; "
        f"next: python eval/answer.py{args.command_tail}"
    )


if __name__ == "__main__":
    cli.run(main, parse_args)
