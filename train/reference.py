"""The reference of DPO, the frozen SFT model: the proof that it is that one, and how far the policy has moved from it.

A library of train/dpo.py, which holds the reference in trainer.model as the adapter `ref`.
"""

import contextlib
import math
from pathlib import Path

from common import chat, cli, files, model, score
from common.apart import is_first
from common.engine import complete
from common.sampling import Sampling

PROOF_ROWS = 16
WATCHED = 16  # prompts that the KL is estimated on at evaluations on the way
KNOWN = "ref_log_probs.jsonl"  # beside the adapter: what --precompute_ref_log_probs has computed with it
IDS = ("prompt_ids", "chosen_ids", "rejected_ids")  # trl's columns
SUMS = ("ref_chosen_logps", "ref_rejected_logps")  # trl's names for the reference's
AGAIN = 0.1  # nats per token by which a sum computed again may differ: in bf16 it depends on the batch's shape
# |loss at step 0 - ln 2| and |log-prob of a row, reference - out/sft from disk|, in nats. Both sides run the same
# arithmetic, so even bf16 leaves only the order of sums; a wrong reference differs by far more.
TOLERANCE = {"float32": 1e-4, "bfloat16": 1e-3}


def restore_policy(trainer, checkpoint):
    """Load a checkpoint's adapter into the trained one, `default`.

    transformers 5.19 restores only the sub-folders of a checkpoint when there are any: of a DPO checkpoint that is the
    frozen `ref`, and the training would go on from the SFT weights with the checkpoint's optimizer, without a word.
    """
    from peft import load_peft_weights, set_peft_model_state_dict

    if checkpoint:
        set_peft_model_state_dict(trainer.model, load_peft_weights(checkpoint, device="cpu"), adapter_name="default")


def encode_pairs(tokenizer, rows, system):
    """(prompt ids, completion ids) of all chosen, then of all rejected answers, stop token included."""
    prompts = [chat.encode(tokenizer, row["prompt"], system) for row in rows] * 2
    stop = [chat.stop_token_id(tokenizer)]
    return prompts, [chat.answer_ids(tokenizer, row[side]) + stop for side in ("chosen", "rejected") for row in rows]


def reference_of(trainer):
    """A context in which trainer.model (or the trainer's own ref_model) is what the trainer takes as reference.

    The rule is TRL's: a ref_model when there is one, else the adapter 'ref', else the model without adapters.
    """
    from trl.trainer.utils import use_adapter

    if trainer.ref_model is not None:
        return trainer.ref_model, contextlib.nullcontext()
    name = "ref" if "ref" in trainer.model.peft_config else None
    return trainer.model, use_adapter(trainer.model, adapter_name=name)


def row_logprobs(network, prompts, completions):
    return [sum(values) for values in score.completion_logprobs(network, prompts, completions)]


def row_logprobs_from_disk(policy, adapter, prompts, completions):
    """row_logprobs of the adapter in this folder, which stands beside the policy's own for that long."""
    from trl.trainer.utils import use_adapter

    policy.load_adapter(str(adapter), adapter_name="proof")
    with use_adapter(policy, adapter_name="proof"):  # which makes the policy's own trainable again at its end
        made = row_logprobs(policy, prompts, completions)
    policy.delete_adapter("proof")
    return made


def prove_reference(trainer, args, tokenizer, rows, system, adapter, work, checkpoint=None):
    """Stop unless the reference is the SFT model: equation 7 of the DPO paper is ln 2 when policy = reference.

    Checks (1) that the reference's log-probs equal those of `adapter` loaded afresh from disk, into the same base,
    since a second one would not fit beside it on a small card, and (2) that the preference part of the loss at step 0
    is ln 2. (2) alone would pass for any model that is its own reference.
    A policy that goes on from `checkpoint` has moved on, so then only (1) is checked again, of what was loaded from
    there, and the rest is read from work/proof.json. Returns the figures; raises UserError saying which check failed.
    """
    rows, allowed = rows[:PROOF_ROWS], TOLERANCE[args.dtype]
    prompts, completions = encode_pairs(tokenizer, rows, system)
    network, context = reference_of(trainer)
    with context:
        reference = row_logprobs(network, prompts, completions)
    fresh = row_logprobs_from_disk(trainer.model, adapter, prompts, completions)
    gap = check_gap(fresh, reference, allowed, adapter, checkpoint)
    if checkpoint:
        print(f"reference proved again: log-probs of {adapter} from disk within {gap:.2g} nats", flush=True)
        return {**files.read_json(work / "proof.json"), "largest_logprob_gap_after_resume": gap}
    loss = preference_loss(row_logprobs(trainer.model, prompts, completions), reference, args.beta)
    if not abs(loss - math.log(2)) <= allowed:
        raise cli.UserError(
            f"the preference loss at step 0 is {loss:.6f}, not ln 2 = {math.log(2):.6f} (allowed "
            f"{allowed:g}): policy and reference differ before training."
        )
    print(
        f"reference proved: preference loss at step 0 {loss:.6f} (ln 2 = {math.log(2):.6f}), log-probs of {adapter} "
        f"from disk within {gap:.2g} nats",
        flush=True,
    )
    proof = {"loss_at_step_0": loss, "largest_logprob_gap": gap, "tolerance": allowed, "pairs": len(rows)}
    files.write_json(work / "proof.json", proof)
    return proof


def check_gap(fresh, reference, allowed, adapter, checkpoint):
    """The largest gap between log-probs of `adapter` from disk and of the reference; UserError above `allowed`.

    A NaN is above it, too, in whichever row it stands.
    """
    gaps = [abs(f - r) for f, r in zip(fresh, reference, strict=True)]
    if all(gap <= allowed for gap in gaps):
        return max(gaps)
    where, mend = "", "train from the SFT adapter, and resume only through checkpoints"
    if checkpoint:
        where, mend = f" in {Path(checkpoint) / 'ref'}", f"remove {checkpoint} and run the same command again"
    raise cli.UserError(
        f"the DPO reference{where} is not {adapter}: log-probs of {len(gaps) // 2} pairs differ by up to "
        f"{max(gaps):.3g} nats (allowed {allowed:g}); {mend}."
    )


def preference_loss(policy, reference, beta) -> float:
    """Equation 7 of the DPO paper over log-probs of all chosen, then of all rejected answers."""
    n = len(policy) // 2
    ratios = [p - r for p, r in zip(policy, reference, strict=True)]
    return sum(math.log1p(math.exp(-beta * (ratios[i] - ratios[n + i]))) for i in range(n)) / n


def prove(trainer, *given, checkpoint):
    """The figures of prove_reference(trainer, *given), of what is really trained; empty on all processes but the first.

    A training that goes on from a checkpoint is proved when it begins, and the figures are there from then on: only
    then has transformers loaded the checkpoint's `ref` over the reference.
    """
    from transformers import TrainerCallback

    proof = {}

    class Prove(TrainerCallback):
        def on_train_begin(self, args, state, control, **kwargs):
            proof.update(prove_reference(trainer, *given, checkpoint))

    if is_first() and checkpoint:
        trainer.add_callback(Prove())
    elif is_first():
        proof.update(prove_reference(trainer, *given))
    return proof


def precompute(trainer, args, adapter, parent):
    """Give trl's DPOTrainer the reference's log-probs as columns, so that no batch runs the reference.

    Each is computed once for all trainings on the same pairs from the SFT model `adapter` (its lineage: `parent`): they
    are kept in adapter/ref_log_probs.jsonl, by what they follow from (pair, adapter, base, precision, cut). The first
    batch is computed each time; UserError when it is not what the file says. trl's own flag of this name would run
    each prompt twice, and keep nothing.
    """
    by = [parent["adapter_sha256"], parent["base_sha256"], args.dtype, args.max_length]
    by += [getattr(args, name) for name in model.QUANTIZATION]
    path, sets = Path(adapter) / KNOWN, {name: getattr(trainer, name) for name in ("train_dataset", "eval_dataset")}
    keys = {
        name: [model.settings_hash([by, *(row[column] for column in IDS)]) for row in rows]
        for name, rows in sets.items()
        if rows
    }
    pairs = {key: sets[name][i] for name, own in keys.items() for i, key in enumerate(own)}
    known = known_log_probs(path)
    check_known(trainer, dict(list(pairs.items())[: args.per_device_train_batch_size]), known, path)
    missing = {key: row for key, row in pairs.items() if key not in known}
    made = reference_log_probs(trainer, missing, args.per_device_train_batch_size)
    if is_first() and made:
        whole = known_log_probs(path) | made  # another training may have added its own
        files.write_jsonl(path, [{"id": key, **dict(zip(SUMS, sums, strict=True))} for key, sums in whole.items()])
    print(f"reference: {len(missing)} pairs read, {len(pairs) - len(missing)} known from {path}", flush=True)
    known |= made
    for name, own in keys.items():
        with_sums = sets[name]
        for i, column in enumerate(SUMS):
            with_sums = with_sums.add_column(column, [known[key][i] for key in own])
        setattr(trainer, name, with_sums)
    trainer.precompute_ref_logps = True


def known_log_probs(path) -> dict:
    """{key: (chosen, rejected)} of the file that precompute writes, empty when there is none."""
    rows = files.read_jsonl(path, SUMS) if path.is_file() else []
    return {row["id"]: tuple(row[name] for name in SUMS) for row in rows}


def check_known(trainer, pairs, known, path):
    """UserError when what the reference says of these pairs is not what the file says."""
    pairs = {key: row for key, row in pairs.items() if key in known}
    for key, sums in reference_log_probs(trainer, pairs, len(pairs) or 1).items():
        tokens = [len(pairs[key][name]) for name in IDS[1:]]
        gaps = [abs(a - b) / n for a, b, n in zip(sums, known[key], tokens, strict=True)]
        if not all(gap <= AGAIN for gap in gaps):
            raise cli.UserError(
                f"{path} is not of this reference: a log-prob differs by {max(gaps):.3g} nats per token (allowed "
                f"{AGAIN:g}); delete it, and run the same command again."
            )


def reference_log_probs(trainer, pairs, size) -> dict:
    """{key: (chosen, rejected)}, sums over the answers' tokens in nats, of {key: row of trl's columns}, by batches."""
    from tqdm import tqdm

    was_training, made = trainer.model.training, {}
    keys = sorted(pairs, key=lambda key: sum(len(pairs[key][column]) for column in IDS))  # batches of one length
    trainer.model.eval()
    shown = tqdm(range(0, len(keys), size), desc="reference", unit="batch", mininterval=2, disable=len(keys) <= size)
    for start in shown:
        batch = keys[start : start + size]
        given = trainer._prepare_inputs(trainer.data_collator([pairs[key] for key in batch]))
        found = trainer.compute_ref_log_probs(trainer.model, given)
        made |= dict(zip(batch, zip(*(side.float().tolist() for side in found), strict=True), strict=True))
    trainer.model.train(was_training)
    return made


def kl_from_reference(trainer, tokenizer, prompts, seed):
    """What samples of the policy, one for each prompt by the seed, say of it: {"kl", "tokens", "prompts"}.

    kl: mean of log p_policy - log p_reference, in nats per answer, an estimate of the KL; tokens: their mean length,
    which drifts where longer or shorter answers are rewarded; prompts: how many there were.
    """
    import torch

    was_training, sampling = trainer.model.training, Sampling(temperature=1.0, max_new_tokens=96, seed=seed)
    # Only the outer model's forward is under the trainer's autocast; sampling calls the base model's.
    with torch.autocast(trainer.model.device.type, torch.bfloat16, enabled=trainer.args.bf16):
        made = complete(trainer.model, tokenizer, prompts, sampling)
    trainer.model.eval()
    answers = [completions[0].token_ids for completions in made]
    policy = row_logprobs(trainer.model, prompts, answers)
    network, context = reference_of(trainer)
    with context:
        reference = row_logprobs(network, prompts, answers)
    trainer.model.train(was_training)
    return {
        "kl": sum(p - r for p, r in zip(policy, reference, strict=True)) / len(answers),
        "tokens": sum(map(len, answers)) / len(answers),
        "prompts": len(answers),
    }


def kl_so_far(work, checkpoint):
    """The KL log up to a checkpoint; empty when training begins."""
    if not checkpoint or not (work / "kl.json").is_file():
        return []
    step = files.read_json(Path(checkpoint) / "trainer_state.json")["global_step"]
    return [item for item in files.read_json(work / "kl.json") if item["step"] <= step]


def kl_callback(tokenizer, prompts, log, work, seed):
    """A trainer callback that adds kl_from_reference and step to `log` and work/kl.json at each evaluation.

    Warns of a spike. On the way it samples only WATCHED of the prompts, at the last step all: on a CPU sampling takes
    longer than steps.
    """
    from transformers import TrainerCallback

    class WatchKL(TrainerCallback):
        """Holds the trainer, which transformers does not hand to callbacks."""

        trainer = None

        def on_evaluate(self, args, state, control, **kwargs):
            if not state.is_world_process_zero or self.trainer.is_fsdp_enabled:
                return  # one process alone cannot sample from a model that they share
            asked = prompts if state.global_step >= state.max_steps else prompts[:WATCHED]
            seen = kl_from_reference(self.trainer, tokenizer, asked, seed)
            kl = seen["kl"]
            if log and kl > 3 and kl > 5 * max(log[-1]["kl"], 0.1):
                print(
                    f"warning: KL from the reference rose from {log[-1]['kl']:.2f} to {kl:.2f} nats; lower "
                    "--learning_rate or raise --beta."
                )
            log.append({"step": state.global_step, **seen})
            files.write_json(work / "kl.json", log)

    return WatchKL()
