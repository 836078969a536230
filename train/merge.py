"""python train/merge.py --adapter out/dpo

Merges an adapter into its base and writes the bf16 model that the evaluation and the CPU server use. Two candidates are
made and measured against the adapter on the base that it was trained on: merged into the quantised weights,
dequantised, and merged into the base's own weights; the nearer one stays, with the figures in merged/merge.json.
train/sft.py and train/dpo.py do this at their end; run it by hand to do it again. Goes through the weights file by
file: its memory is the quantised model and one file of the base. Reads the adapter folder; writes merged/ in it, and
for SFT base/, the dequantised base itself, which the evaluation compares with.
"""

import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import chat, cli, files, model
from common.domain import load_domain, rows_of

COMPARED = 16  # dev rows on whose references the models are compared
LENGTHS = ".lora_magnitude_vector"  # PEFT's name of the part that DoRA adds
AGREEMENT = 0.9  # of the most likely next tokens; below, what is served is not what was trained


def parse_args(argv=None):
    parser = cli.parser(__doc__, "merge")
    parser.add_argument("--base", default=model.DEFAULT_BASE, help="model folder or name on the Hub")
    parser.add_argument("--adapter", default=None, help="adapter folder (default: out/dpo)")
    parser.add_argument(
        "--dtype",
        default="auto",
        choices=model.DTYPES,
        help="dtype of computation; auto: bfloat16 where the hardware has it",
    )
    model.add_quantization_flags(parser)
    add_strict_flag(parser)
    return cli.parse(parser, argv)


def add_strict_flag(parser):
    """The flag that the trainers, which merge at their end, share with this script."""
    parser.add_argument(
        "--strict",
        action=cli.Switch,
        default=False,
        help=f"fail when the merged model agrees with the adapter on under {AGREEMENT} of the next tokens",
    )


def updates_of(folder) -> dict:
    """{name of a weight in the base: (A, B, scale, lengths of its rows or None)}, see updated().

    Raises UserError for an adapter that is more than that (whole modules saved beside it).
    """
    from peft import PeftConfig, load_peft_weights

    config = PeftConfig.from_pretrained(str(folder))
    weights = load_peft_weights(str(folder), device="cpu")
    if any(not any(part in key for part in (".lora_A.", ".lora_B.", LENGTHS)) for key in weights):
        raise cli.UserError(f"{folder} is no LoRA or DoRA adapter alone; only those can be merged here.")
    made = {}
    for key, a in weights.items():
        if ".lora_A." not in key:
            continue
        name = key.removeprefix("base_model.model.").replace(".lora_A", "")
        b = weights[key.replace(".lora_A.", ".lora_B.")]
        rank = a.shape[0]
        lengths = weights.get(key.replace(".lora_A.weight", LENGTHS))
        made[name] = (a, b, config.lora_alpha / (rank**0.5 if config.use_rslora else rank), lengths)
    return made


def updated(weight, a, b, scale, lengths):
    """The weight W after training: W + scale * B A (LoRA, arXiv 2106.09685), in DoRA (arXiv 2402.09353) each row of
    that brought to its trained length."""
    weight = weight.float() + scale * (b.to(weight.device).float() @ a.to(weight.device).float())
    if lengths is None:
        return weight
    return weight * (lengths.to(weight.device).float() / weight.norm(dim=1))[:, None]


def require_disk(base, folder, copies):
    """UserError when so many copies of the base's weights would not fit beside each other."""
    needed = copies * sum(path.stat().st_size for path in model.weight_files(base))
    free = shutil.disk_usage(folder).free
    if free < 1.05 * needed:
        raise cli.UserError(
            f"merging needs {needed / 2**30:.1f} GiB in {folder}, {free / 2**30:.1f} are free; free some and run "
            f"python train/merge.py --adapter {folder}."
        )


def write_candidate(base, target, updates, quantised, device):
    """The base's weight files with the updates added in float32, stored as bf16.

    quantised: {name: bitsandbytes layer} whose dequantised weights take the place of the base's, or {}.
    """
    import torch
    from peft.utils.integrations import dequantize_module_weight
    from safetensors import safe_open
    from safetensors.torch import save_file

    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    left = set(updates)
    for path in model.weight_files(base):
        tensors = {}
        with safe_open(path, "pt") as stored:
            for name in stored.keys():  # noqa: SIM118 (not a dict)
                tensor = stored.get_tensor(name)
                if name in quantised:
                    tensor = dequantize_module_weight(quantised[name])
                if name in updates:
                    tensor = updated(tensor.to(device), *updates[name])
                    left.discard(name)
                tensors[name] = tensor.to("cpu", torch.bfloat16 if tensor.is_floating_point() else tensor.dtype)
        save_file({name: t.contiguous() for name, t in tensors.items()}, target / path.name, metadata={"format": "pt"})
    if left:
        raise cli.UserError(f"the base in {base} has no weight {sorted(left)[0]}, which the adapter changes.")
    for path in base.glob("*.safetensors.index.json"):
        if not path.name.startswith(model.AGAIN):
            shutil.copy(path, target / path.name)


def finish_folder(target, base, tokenizer):
    """Config, generation settings and tokenizer beside the weights: stop and pad token are those of the training."""
    import torch
    from transformers import AutoConfig, GenerationConfig

    config = AutoConfig.from_pretrained(base)
    config.dtype = torch.bfloat16
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    config.save_pretrained(target)
    try:
        generation = GenerationConfig.from_pretrained(base)
    except OSError:  # not every base has one
        generation = GenerationConfig()
    generation.eos_token_id, generation.pad_token_id = tokenizer.eos_token_id, tokenizer.pad_token_id
    generation.save_pretrained(target)
    tokenizer.save_pretrained(target)


def next_tokens(network, prompts, completions):
    """Log-probabilities of the next token at each place of the completions: a tensor (vocabulary) each, on the CPU."""
    import torch

    network.eval()
    made = []
    with torch.inference_mode():
        for prompt, completion in zip(prompts, completions, strict=True):
            ids = torch.tensor([prompt + completion], device=network.device)
            logits = network(input_ids=ids, use_cache=False, logits_to_keep=len(completion) + 1).logits[0, :-1]
            made += list(logits.float().log_softmax(-1).cpu())
    return made


def compare(wanted, got) -> dict:
    """Mean KL divergence (nats) of the next-token distributions, and the share of equal most likely tokens."""
    kl = [float((p.exp() * (p - q)).sum()) for p, q in zip(wanted, got, strict=True)]
    same = [bool(p.argmax() == q.argmax()) for p, q in zip(wanted, got, strict=True)]
    return {"kl": sum(kl) / len(kl), "agreement": sum(same) / len(same), "tokens": len(kl)}


def merge(args, folder):
    """Write folder/merged and return its figures, {candidate: {kl, agreement, tokens}, "taken": candidate}."""
    import torch
    from bitsandbytes.nn import Linear4bit, Linear8bitLt
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    lineage = model.check_adapter(folder, args.base)
    tokenizer, domain = model.load_tokenizer(folder), load_domain(args.domain, args.out)
    base, updates = model.local_folder(args.base), updates_of(folder)
    quantised = args.load_in_4bit or args.load_in_8bit  # then there are two candidates, and the base beside them
    keeps_base = lineage["stage"] == "sft" and model.training_of(folder) == folder
    require_disk(base, folder, 1 + quantised + (quantised and keeps_base))
    rows = rows_of(domain, "load_benchmark", "dev")[:COMPARED]
    prompts = [chat.encode(tokenizer, row["prompt"], domain.SYSTEM_PROMPT) for row in rows]
    completions = [chat.answer_ids(tokenizer, row["completion"]) + [tokenizer.eos_token_id] for row in rows]
    trained = model.load_base(args.base, args)
    kinds = (Linear4bit, Linear8bitLt)
    layers = {f"{name}.weight": layer for name, layer in trained.named_modules() if isinstance(layer, kinds)}
    device = trained.device
    wanted = next_tokens(PeftModel.from_pretrained(trained, str(folder)), prompts, completions)
    candidates = {"dequantised": layers, "plain": {}} if layers else {"plain": {}}
    remove_candidates(folder)  # of a merge that was killed
    for name, quantised in candidates.items():
        write_candidate(base, folder / f".merged.{name}.part", updates, quantised, device)
        finish_folder(folder / f".merged.{name}.part", base, tokenizer)
    if keeps_base:
        write_base(base, folder, layers, tokenizer, lineage)
    del trained, layers, candidates
    figures = {}
    for path in sorted(folder.glob(".merged.*.part")):
        network = AutoModelForCausalLM.from_pretrained(
            path, dtype=getattr(torch, args.dtype), device_map={"": device.type}
        )
        figures[path.name.split(".")[2]] = compare(wanted, next_tokens(network, prompts, completions))
        del network
    return take_best(args, folder, lineage, figures)


def write_base(base, folder, layers, tokenizer, lineage):
    """folder/base: the base with the weights that the adapters are trained on, so that a comparison with it holds no
    error of quantisation, and lineage.json that names the base by hash. None where the base was not quantised."""
    target, part = folder / "base", folder / ".base.part"
    if not layers:
        files.discard(target)  # of an earlier training
        return
    write_candidate(base, part, {}, layers, "cpu")
    finish_folder(part, base, tokenizer)
    files.write_json(part / "lineage.json", {key: lineage[key] for key in ("base", "base_sha256")})
    files.replace_folder(part, target)


def remove_candidates(folder):
    """Remove what merge() writes beside merged/."""
    for path in folder.glob(".merged.*.part"):
        shutil.rmtree(path)


def take_best(args, folder, lineage, figures):
    """Rename the candidate nearest to the adapter to merged/, remove the other, say how near it is."""
    taken = min(figures, key=lambda name: figures[name]["kl"])
    target = folder / "merged"
    part = folder / f".merged.{taken}.part"
    agreement = figures[taken]["agreement"]
    told = (
        f"merged {folder} into the {taken} base: {agreement:.1%} of {figures[taken]['tokens']} next tokens equal the "
        f"adapter's, KL {figures[taken]['kl']:.2g} nats a token"
    )
    if agreement < AGREEMENT and args.strict:
        remove_candidates(folder)
        raise cli.UserError(f"{told}; under {AGREEMENT:.0%}, so nothing is kept (--strict).")
    figures["taken"] = taken
    files.write_json(part / "merge.json", figures)
    merged = {"merged_from": taken, "merged_sha256": model.fingerprint(part)}
    files.write_json(part / "lineage.json", {**lineage, **merged})
    files.replace_folder(part, target)
    remove_candidates(folder)
    print(told, flush=True)
    if agreement < AGREEMENT:
        print(
            f"warning: under {AGREEMENT:.0%}: what is evaluated and served is not quite what was trained.", flush=True
        )
    return figures


def main(args):
    started = time.time()
    args.dtype = model.choose_dtype(args.dtype)
    folder = Path(args.adapter) if args.adapter else args.out / "dpo"
    record = model.training_of(folder) / "run.json"
    if record.is_file():  # the base as it was held in the training, whatever the recipe says today
        known = files.read_json(record)["settings"]
        vars(args).update({key: known[key] for key in model.QUANTIZATION if key in known})
    merge(args, folder)
    print(f"wrote {folder}/merged in {time.time() - started:.0f} s; next: python eval/answer.py{args.command_tail}")


if __name__ == "__main__":
    cli.run(main, parse_args)
