"""python bench/seven_b.py

Memory and tokens per second of a model of Qwen2.5-7B's shape with random weights, in NF4, through the trainers of
train/sft.py and train/dpo.py with the settings of recipes/qwen2.5-7b.yaml, on one GPU: steps at the longest batch.
Each measurement is a process of its own with a time limit. Random weights show memory and speed, never quality.
Writes seven_b.jsonl, a line for each measurement as it ends, to --out.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and the stages when run by hand

from common import check, cli, files
from common.training import LORA

# Those that say most come first: the time for all of them is limited.
MEASUREMENTS = ("sft_2048", "dpo_2048", "score_2048", "sft_1024", "dpo_1024")
STEPS = 4  # the first warms up and is not timed
SHAPE = {
    "vocab_size": 152064,
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "max_position_embeddings": 32768,
    "tie_word_embeddings": False,
}
TINY = {
    "vocab_size": 512,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": False,
}
WORDS = 400  # words of the tokenizer, one token each
SYSTEM = "w1 w2 w3"
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|> ' + message['role'] + ' ' + message['content'] + '<|im_end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|> assistant ' }}{% endif %}"
)


def parse_args(argv=None):
    parser = cli.plain_parser(__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/seven_b"), help="folder of seven_b.jsonl")
    parser.add_argument("--recipe", default="recipes/qwen2.5-7b.yaml", help="the settings that are measured")
    parser.add_argument("--tiny", action=cli.Switch, default=False, help="two small layers, on a CPU: tries the script")
    parser.add_argument("--limit_s", type=float, default=90, help="seconds for one measurement")
    parser.add_argument("--total_s", type=float, default=235, help="seconds for all; what is left then is skipped")
    parser.add_argument("--only", choices=MEASUREMENTS, default=None, help="one measurement, in this process")
    return parser.parse_args(argv)


def make_tokenizer():
    """One token a word, with ChatML's turns, so that a row has the length that is asked for."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = ["<|pad|>", "<|im_start|>", "<|im_end|>"]
    words = special + ["system", "user", "assistant"] + [f"w{i}" for i in range(WORDS)]
    inner = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="w0"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made = PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="<|pad|>", eos_token="<|im_end|>")
    made.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    made.chat_template = TEMPLATE
    return made


def text(tokens, seed):
    """So many words."""
    return " ".join(f"w{(seed * 7919 + i * 31) % WORDS}" for i in range(tokens))


def row(length, share, seed):
    """A row of `length` tokens, template included, of which `share` belong to each answer."""
    completion = int(length * share)
    prompt = length - completion - 12  # the template's turns
    return {
        "prompt": text(prompt, seed),
        "completion": text(completion, seed + 1),
        "chosen": text(completion, seed + 1),
        "rejected": text(completion, seed + 2),
    }


def random_weights(config, dtype, device):
    """A state dict of the config's shape, made where it is needed: {name: tensor}, norms one, the rest N(0, 0.02)."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        shapes = {name: p.shape for name, p in AutoModelForCausalLM.from_config(config).state_dict().items()}
    made = {}
    for name, shape in shapes.items():
        made[name] = torch.empty(shape, dtype=dtype, device=device)
        if name.endswith("norm.weight"):
            made[name].fill_(1.0)
        else:
            made[name].normal_(0, 0.02)
    return made


def make_base(args, settings):
    """The quantised model with random weights, by the loader of transformers, without a file on the disk."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from common import model

    config = Qwen2Config(**(TINY if args.tiny else SHAPE), eos_token_id=2, pad_token_id=0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = getattr(torch, settings.dtype)
    return Qwen2ForCausalLM.from_pretrained(
        None,
        config=config,
        state_dict=random_weights(config, dtype, device),
        quantization_config=model.quantization(settings),
        dtype=dtype,
        device_map={"": 0 if device == "cuda" else "cpu"},
    )


def settings_of(args, stage, length):
    """The stage's own settings by the recipe, at this length; one batch a step, since more of them cost only time."""
    import importlib

    flags = [
        "--recipe",
        args.recipe,
        "--max_length",
        str(length),
        "--gradient_accumulation_steps",
        "1",
        "--logging_steps",
        "1",
    ]
    flags += ["--optim", "adamw_torch", "--dtype", "float32"] if args.tiny else ["--dtype", "bfloat16"]
    settings = importlib.import_module(f"train.{stage}").parse_args(flags)
    if stage == "dpo":  # which goes on with SFT's adapter
        adapter = settings_of(args, "sft", length)
        vars(settings).update({key: getattr(adapter, key) for key in LORA})
    return settings


def build(stage, settings, base, tokenizer, length, work):
    """The stage's own trainer over as many rows of the longest length as the steps need."""
    from peft import get_peft_model

    from common.training import lora_config
    from train import dpo, sft

    batch, domain = settings.per_device_train_batch_size, SimpleNamespace(SYSTEM_PROMPT=SYSTEM)
    if stage == "sft":
        packed = 4 if settings.packing else 1  # rows in one sequence
        rows = [row(length // packed, 0.5, i) for i in range((STEPS + 1) * batch * packed)]
        return sft.build_trainer(settings, base, tokenizer, rows, rows[:2], domain, work)
    rows = [row(length, 0.25, i) for i in range((STEPS + 1) * batch)]
    return dpo.build_trainer(
        settings, get_peft_model(base, lora_config(settings)), tokenizer, rows, rows[:2], domain, work
    )


def memory():
    """GiB allocated now, and the largest allocated and reserved since the last reset; nothing without a GPU."""
    import torch

    if not torch.cuda.is_available():
        return {"peak_rss_gib": files.peak_memory_gib()}
    return {
        "allocated_gib": torch.cuda.memory_allocated() / 2**30,
        "peak_allocated_gib": torch.cuda.max_memory_allocated() / 2**30,
        "peak_reserved_gib": torch.cuda.max_memory_reserved() / 2**30,
    }


def start_counting():
    """What the building of the model left behind is no part of the peak."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()


def train_steps(stage, settings, base, length):
    """Figures of some optimizer steps of the stage's trainer."""
    with tempfile.TemporaryDirectory() as work:
        trainer = build(stage, settings, base, make_tokenizer(), length, Path(work))
        trainer.args.max_steps, trainer.args.eval_strategy, trainer.args.save_strategy = STEPS, "no", "no"
        seen, ends = check.watch(trainer)
        start_counting()
        before = memory()
        trainer.train()
    seconds = [after - start for start, after in zip(ends, ends[1:], strict=False)]
    tokens = [rows * width for rows, width in seen][1:]
    return {
        "before_training": before,
        "step_seconds": seconds,
        "batches": seen,
        "tokens_per_second": sum(tokens) / sum(seconds),
        "trained_parameters": sum(p.numel() for p in trainer.model.parameters() if p.requires_grad),
        "losses": [item["loss"] for item in trainer.state.log_history if "loss" in item],
    }


def score_rows(base, length):
    """Figures of common/score.py on rows of the longest length: perplexity, reference proof and KL are made of it."""
    from common import score

    prompts = [[10 + i] * (length // 2) for i in range(8)]
    start_counting()
    before, started = memory(), time.perf_counter()
    values = score.completion_logprobs(base, prompts, prompts)
    seconds = time.perf_counter() - started
    return {
        "before_training": before,
        "tokens_per_second": len(prompts) * length / seconds,
        "perplexity": score.perplexity(values),
    }


def measure(args, name):
    """The figures of one measurement, by its name."""
    import torch

    cli.quiet()
    stage, length = name.split("_")
    length, started = int(length) // (8 if args.tiny else 1), time.perf_counter()
    settings = settings_of(args, "sft" if stage == "score" else stage, length)
    base = make_base(args, settings)
    start_counting()
    figures = {"build_seconds": time.perf_counter() - started, "model": memory()}
    figures |= score_rows(base, length) if stage == "score" else train_steps(stage, settings, base, length)
    return {
        "measurement": name,
        "tokens": length,
        **figures,
        **memory(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "tiny": args.tiny,
        "settings": {
            key: getattr(settings, key)
            for key in ("per_device_train_batch_size", "r", "target_modules", "optim", "gradient_checkpointing")
            + ("dtype", "load_in_4bit", "bnb_4bit_use_double_quant")
        }
        | {"packing": getattr(settings, "packing", None)},
        "versions": files.versions(),
    }


def in_own_process(args, name, seconds):
    """One measurement in a process of its own: its figures, or why there are none."""
    command = [sys.executable, __file__, "--only", name, "--recipe", args.recipe] + (["--tiny"] if args.tiny else [])
    started = time.time()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, env=os.environ)
        lines = [line for line in done.stdout.splitlines() if line.startswith('{"measurement"')]
        failed = {"measurement": name, "failed": (done.stdout + done.stderr)[-4000:]}
        found = json.loads(lines[-1]) if lines else failed
    except subprocess.TimeoutExpired as error:
        said = [part.decode(errors="replace") for part in (error.stdout, error.stderr) if part]
        found = {"measurement": name, "failed": f"not done after {seconds:.0f} s: {''.join(said)[-2000:]}"}
    return {**found, "process_seconds": time.time() - started}


def main(args):
    if args.only:
        print(json.dumps(measure(args, args.only)), flush=True)
        return
    args.out.mkdir(parents=True, exist_ok=True)
    started, failed = time.time(), 0
    with (args.out / "seven_b.jsonl").open("w", encoding="utf-8") as target:
        for name in MEASUREMENTS:
            left = args.total_s - (time.time() - started)
            if left < 20:
                print(f"{name}: no time is left for it", flush=True)
                continue
            found = in_own_process(args, name, min(args.limit_s, left))
            target.write(json.dumps(found) + "\n")
            target.flush()
            failed += "failed" in found
            print(json.dumps(found), flush=True)
    if failed:
        raise cli.UserError(f"{failed} measurements failed; {args.out}/seven_b.jsonl says of what.")


if __name__ == "__main__":
    cli.run(main, parse_args)
