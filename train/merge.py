"""python train/merge.py --adapter out/dpo

Merges an adapter into its base and writes the bf16 model that the evaluation and the CPU server use, then compares
its greedy answers with the adapter's. The NF4 base is dequantised before merging: those are the weights the
adapter was trained on. train/sft.py and train/dpo.py do this at their end; run it by hand to do it again.
Reads the adapter folder; writes merged/ in it.
"""

import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import chat, cli, files, model
from common.domain import load_domain

COMPARED = 16  # dev prompts whose answers are compared


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
    parser.add_argument("--load_in_4bit", action=cli.Switch, default=True, help="the adapter was trained on NF4")
    parser.add_argument("--bnb_4bit_quant_type", default="nf4", choices=("nf4", "fp4"))
    parser.add_argument("--bnb_4bit_use_double_quant", action=cli.Switch, default=True)
    return cli.parse(parser, argv)


def dequantised_base(args):
    """The base in float32 with the values that its 4-bit weights really stand for."""
    import torch
    from bitsandbytes.functional import dequantize_4bit
    from bitsandbytes.nn import Linear4bit
    from transformers import AutoModelForCausalLM

    plain = AutoModelForCausalLM.from_pretrained(args.base, dtype=torch.float32, device_map={"": "cpu"})
    if args.load_in_4bit:
        targets = dict(plain.named_modules())
        for name, module in model.load_base(args.base, args).named_modules():
            if isinstance(module, Linear4bit):
                values = dequantize_4bit(module.weight.data, module.weight.quant_state)
                targets[name].weight.data.copy_(values.float().cpu())
    return plain


def greedy(network, tokenizer, domain, rows):
    """Token ids of the greedy answers to the rows' prompts."""
    import torch

    from common.engine import Sampling, decode_batch

    prompts = [chat.encode(tokenizer, row["prompt"], domain.SYSTEM_PROMPT) for row in rows]
    with torch.inference_mode():
        made = decode_batch(network.eval(), tokenizer, prompts, Sampling(max_new_tokens=96), None)
    return [completions[0].token_ids for completions in made]


def merge(args, folder):
    """Write folder/merged; returns the share of greedy answers that equal those of the adapter on the 4-bit base."""
    import torch
    from peft import PeftModel

    lineage = model.check_adapter(folder, args.base)
    tokenizer, domain = model.load_tokenizer(folder), load_domain(args.domain)
    rows = domain.load_benchmark("dev")[:COMPARED]
    unmerged = greedy(PeftModel.from_pretrained(model.load_base(args.base, args), str(folder)), tokenizer, domain, rows)
    merged = PeftModel.from_pretrained(dequantised_base(args), str(folder)).merge_and_unload().to(torch.bfloat16)
    merged.generation_config.eos_token_id = tokenizer.eos_token_id
    merged.generation_config.pad_token_id = tokenizer.pad_token_id
    merged.config.quantization_config = None
    del merged.config.quantization_config
    same = sum(a == b for a, b in zip(unmerged, greedy(merged.float(), tokenizer, domain, rows), strict=True)) / len(
        rows
    )
    target, temporary = folder / "merged", folder / ".merged.part"
    shutil.rmtree(temporary, ignore_errors=True)
    merged.to(torch.bfloat16).save_pretrained(temporary)
    tokenizer.save_pretrained(temporary)
    files.write_json(
        temporary / "lineage.json",
        {
            **lineage,
            "merged_from": "dequantised" if args.load_in_4bit else "plain",
            "greedy_equal": same,
            "compared": len(rows),
        },
    )
    shutil.rmtree(target, ignore_errors=True)
    temporary.rename(target)
    print(f"merged {folder}: {same:.0%} of {len(rows)} greedy answers equal the unmerged adapter's", flush=True)
    return same


def main(args):
    started = time.time()
    args.dtype = model.choose_dtype(args.dtype)
    folder = Path(args.adapter) if args.adapter else args.out / "dpo"
    merge(args, folder)
    print(f"wrote {folder}/merged in {time.time() - started:.0f} s; next: python eval/answer.py{args.command_tail}")


if __name__ == "__main__":
    cli.run(main, parse_args)
