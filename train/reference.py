"""The reference of DPO, the frozen SFT model: the proof that it is that one, and how far the policy has moved from it.

A library of train/dpo.py, which holds the reference in trainer.model as the adapter `ref`.
"""

import contextlib
import math
from pathlib import Path

from common import chat, cli, files, score
from common.apart import is_first
from common.engine import complete
from common.sampling import Sampling

PROOF_ROWS = 16
WATCHED = 16  # prompts that the KL is estimated on at evaluations on the way
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


def kl_from_reference(trainer, tokenizer, prompts, seed=0):
    """What samples of the policy, one for each prompt, say of it: {"kl", "tokens", "prompts"}.

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


def kl_callback(tokenizer, prompts, log, work):
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
            seen = kl_from_reference(self.trainer, tokenizer, asked)
            kl = seen["kl"]
            if log and kl > 3 and kl > 5 * max(log[-1]["kl"], 0.1):
                print(
                    f"warning: KL from the reference rose from {log[-1]['kl']:.2f} to {kl:.2f} nats; lower "
                    "--learning_rate or raise --beta."
                )
            log.append({"step": state.global_step, **seen})
            files.write_json(work / "kl.json", log)

    return WatchKL()
