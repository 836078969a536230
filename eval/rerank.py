"""python eval/rerank.py

What a reward model is good for: several samples of the SFT model for each dev item, of which out/reward picks one.
Says how often the first sample, the picked one and the best possible one are right. Reads out/sft, out/reward and the
domain's dev benchmark; writes out/eval/rerank.json (settings, summary, every sample with reward and verdict).
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import chat, cli, files, model
from common.domain import load_domain, rows_of, verdict_on
from common.endpoint import endpoint_of
from common.engine import Engine, add_engine_flags
from common.sampling import Sampling


def parse_args(argv=None):
    parser = cli.parser(__doc__, "rerank")
    parser.add_argument("--base", default=model.DEFAULT_BASE, help="model folder or name on the Hub")
    parser.add_argument("--limit", type=int, default=200, help="dev items; 0 takes all")
    parser.add_argument("--samples", type=int, default=4, help="samples for each item")
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--max_new_tokens", type=int, default=256, help="longest answer in tokens")
    add_engine_flags(parser)
    return cli.within(cli.parse(parser, argv), limit=(0, None), samples=(2, None), max_new_tokens=(1, None))


def sample(args, domain, rows):
    """For each row its samples as texts, and whether each ended by itself."""
    tokenizer = model.load_tokenizer(args.out / "sft")
    prompts = [chat.encode(tokenizer, row["prompt"], domain.SYSTEM_PROMPT) for row in rows]
    engine = Engine(model.trained_base(args), {"sft": args.out / "sft"}, args.engine, args.dtype, endpoint_of(args))
    args.dtype = engine.dtype  # for the record
    sampling = Sampling(args.samples, args.temperature, 1.0, args.max_new_tokens, args.seed)
    made = engine.generate("sft", prompts, sampling, "samples")
    return [[(one.text, one.finish_reason == "stop") for one in samples] for samples in made]


def judge(domain, rows, sampled):
    """For each row a list of 1, 0 or None (cannot be judged), one for each sample; an unfinished one is not right."""

    def right(row, text, finished):
        correct = verdict_on(domain, row, text).correct
        return None if correct is None else int(correct and finished)

    with ThreadPoolExecutor(4) as pool:
        jobs = [[pool.submit(right, row, *one) for one in samples] for row, samples in zip(rows, sampled, strict=True)]
        return [[job.result() for job in some] for some in jobs]


def summarise(items, seed):
    """{"first", "picked", "best": {accuracy, low, high, n}, "picked_vs_first": {difference, low, high}}.

    Over items whose samples can all be judged; intervals resample whole clusters.
    """
    from eval import stats

    known = [one for one in items if None not in one["right"]]
    if not known:
        raise cli.UserError("no item has samples that can all be judged; see the domain's verify().")
    clusters = [one["cluster"] for one in known]
    values = {
        "first": [one["right"][0] for one in known],
        "picked": [one["right"][one["picked"]] for one in known],
        "best": [max(one["right"]) for one in known],
    }
    made = {}
    for name, right in values.items():
        accuracy, low, high = stats.mean_interval(right, clusters, seed=seed)
        made[name] = {"accuracy": accuracy, "low": low, "high": high, "n": len(right)}
    difference = stats.difference_interval(values["picked"], values["first"], clusters, seed=seed)
    return {**made, "picked_vs_first": dict(zip(("difference", "low", "high"), difference, strict=True))}


def main(args):
    from train import reward

    started = time.time()
    args.dtype = model.choose_dtype(args.dtype)
    domain = load_domain(args.domain, args.out)
    if not hasattr(domain, "verify"):
        raise cli.UserError(f"the domain {args.domain} has no verify(), by which the samples are judged here.")
    model.check_system(model.check_merged(args.out / "sft/merged", args.base), args.out / "sft", domain.SYSTEM_PROMPT)
    # Before the samples, which take long.
    model.check_system(model.read_lineage(args.out / "reward"), args.out / "reward", domain.SYSTEM_PROMPT)
    rows = rows_of(domain, "load_benchmark", "dev")
    rows = rows[: args.limit or None]
    sampled = sample(args, domain, rows)
    model.release()
    network, tokenizer = reward.load(args.out / "reward")
    prompts = [row["prompt"] for row in rows for _ in range(args.samples)]
    texts = [text for samples in sampled for text, _ in samples]
    scores = reward.rewards(network, tokenizer, domain.SYSTEM_PROMPT, prompts, texts).view(len(rows), -1)
    items = [
        {
            "id": row["id"],
            "cluster": row["cluster"],
            "answers": [text for text, _ in samples],
            "right": right,
            "rewards": values.tolist(),
            "picked": int(values.argmax()),
        }
        for row, samples, right, values in zip(rows, sampled, judge(domain, rows, sampled), scores, strict=True)
    ]
    summary = summarise(items, args.seed)
    target = args.out / "eval/rerank.json"
    inputs = [args.out / name / "adapter_model.safetensors" for name in ("sft", "reward")]
    run = files.run_record(args, started, inputs=inputs)
    files.write_json(target, {"summary": summary, "rows": items, "run": run})
    for name in ("first", "picked", "best"):
        one = summary[name]
        print(f"{name:6} {one['accuracy']:.1%} ({100 * one['low']:.1f} to {100 * one['high']:.1f}) of {one['n']}")
    change = [100 * value for value in summary["picked_vs_first"].values()]
    print(
        f"picked by reward against the first sample: {change[0]:+.1f} points ({change[1]:+.1f} to {change[2]:+.1f}); "
        f"wrote {target} in {time.time() - started:.0f} s"
    )


if __name__ == "__main__":
    cli.run(main, parse_args)
