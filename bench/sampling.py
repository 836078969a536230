"""python bench/sampling.py

Times our decoding loop (common/engine.py) beside transformers' `generate` on the same model, prompts and settings, in
turn, in one process. Counts only tokens up to each stop. Writes bench/results/sampling.json.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import chat, cli, files
from common.domain import load_domain


def parse_args(argv=None):
    parser = cli.parser(__doc__, "answer")
    parser.add_argument(
        "--base", default="models/smollm2-135m", help="model folder; the fine-tuned one gives realistic lengths"
    )
    parser.add_argument("--split", default="dev", choices=("dev", "test"))
    parser.add_argument("--limit", type=int, default=64, help="prompts")
    parser.add_argument("--max_new_tokens", type=int, default=96)
    parser.add_argument("--dtype", default="float32", choices=("bfloat16", "float32"))
    parser.add_argument("--samples", type=int, default=4, help="samples per prompt at temperature 1")
    parser.add_argument("--rounds", type=int, default=3, help="timed rounds of each, after one warm-up")
    return cli.parse(parser, argv)


def stock(model, tokenizer, prompts, args):
    """Tokens until each stop, by transformers' generate with left padding."""
    import torch

    width = max(map(len, prompts))
    ids = torch.tensor([[tokenizer.pad_token_id] * (width - len(p)) + p for p in prompts])
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
    made = model.generate(
        ids,
        attention_mask=mask,
        do_sample=True,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        num_return_sequences=args.samples,
        max_new_tokens=args.max_new_tokens,
    )[:, width:]
    return sum(
        row.index(tokenizer.eos_token_id) + 1 if tokenizer.eos_token_id in row else len(row) for row in made.tolist()
    )


def ours(model, tokenizer, prompts, args):
    """Tokens until each stop, by decode_batch."""
    import torch

    from common.engine import Sampling, decode_batch

    sampling = Sampling(n=args.samples, temperature=1.0, max_new_tokens=args.max_new_tokens)
    made = decode_batch(model, tokenizer, prompts, sampling, torch.Generator().manual_seed(args.seed))
    return sum(len(one.token_ids) for group in made for one in group)


def main(args):
    import torch
    from transformers import AutoModelForCausalLM

    from common.engine import grouped_attention
    from common.model import load_tokenizer

    domain, tokenizer = load_domain(args.domain), load_tokenizer(args.base)
    attention = {"ours": grouped_attention(), "generate": None}  # None: transformers' own choice, sdpa
    models = {
        name: AutoModelForCausalLM.from_pretrained(
            args.base, dtype=getattr(torch, args.dtype), attn_implementation=attention[name]
        ).eval()
        for name in attention
    }
    prompts = [
        chat.encode(tokenizer, row["prompt"], domain.SYSTEM_PROMPT)
        for row in domain.load_benchmark(args.split)[: args.limit]
    ]
    rates = {"ours": [], "generate": []}
    with torch.inference_mode():
        for i in range(args.rounds + 1):
            for name, function in (("ours", ours), ("generate", stock)):
                torch.manual_seed(args.seed + i)
                started = time.time()
                tokens = function(models[name], tokenizer, prompts, args)
                if i:
                    rates[name].append(tokens / (time.time() - started))
    ratios = sorted(a / b for a, b in zip(rates["ours"], rates["generate"], strict=True))
    result = {
        "tokens_per_second": rates,
        "ratio_median": ratios[len(ratios) // 2],
        "ratios": ratios,
        "prompts": len(prompts),
        "samples": args.samples,
        "model": args.base,
        "versions": files.versions(),
    }
    target = cli.ROOT / "bench/results/sampling.json"
    files.write_json(target, result)
    shown = f"{result['ratio_median']:.2f} (from {ratios[0]:.2f} to {ratios[-1]:.2f})"
    print(f"ours / generate: {shown}; wrote {target.relative_to(cli.ROOT)}")


if __name__ == "__main__":
    cli.run(main, parse_args)
