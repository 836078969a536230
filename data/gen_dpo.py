"""python data/gen_dpo.py

Makes on-policy preference pairs: samples the SFT model on prompts held apart from SFT, judges each sample, pairs the
best with a worse one, and drops pairs that choose a refusal beyond the share that the prompts deserve. Reads out/sft;
writes out/data/dpo.jsonl and out/gen_dpo (samples.jsonl, report.md, run.json; of a model as judge judged.jsonl). A
killed run goes on from its last block of prompts. With --judge hand it writes out/gen_dpo/to_rate.jsonl instead, which
a person rates in data/label.py.

The judge is the domain's verifier, or a model with the domain's JUDGE_RUBRIC, which needs no verifier. A model's run
begins with a pilot, estimates its cost and asks before it goes on; it keeps every answer in out/ledger.db, so that
after a kill the same command goes on and pays for nothing twice. Keys come from the environment:
  export ANTHROPIC_API_KEY=...; python data/gen_dpo.py --judge anthropic:claude-opus-5-5 --max_cost 20
  export OPENAI_API_KEY=...;    python data/gen_dpo.py --judge openai:gpt-6-luna --ranking pairwise
  servers of your own:          python data/gen_dpo.py --judge openai:MODEL@http://HOST1:8000,http://HOST2:8000
  prompts, cost, no call:       python data/gen_dpo.py --judge anthropic:claude-opus-5-5 --dry_run
  two temperatures:             python data/gen_dpo.py --temperature 0.7,1.2 --pairs best_worst
"""

import math
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import cli, files, llm, model, paid, provenance, rows_domain
from common.domain import load_domain, rows_of
from common.endpoint import endpoint_of
from common.engine import add_engine_flags, choose_engine
from data import judging, mix, pair_report, pairs
from data.samples import each_temperature, judge, read_whole_lines, sample_blocks, sampled_with

HAND = "hand"  # the judge of data/label.py
ALIKE = 0.95  # similarity from which a model's preference between two answers is taken for noise


def parse_args(argv=None):
    parser = cli.parser(__doc__, "gen_dpo")
    parser.add_argument(
        "--judge",
        default="verifier",
        help="verifier (the domain's own), hand (a person, in data/label.py), anthropic:MODEL, openai:MODEL, with @URL",
    )
    parser.add_argument(
        "--teacher", default=None, metavar="NAME",
        help="whose prompts: one of the domain's own teachers, or several as NAME:SHARE,NAME:SHARE (default: as in "
        "gen_sft.py)",
    )  # fmt: skip
    parser.add_argument(
        "--ranking", default="at_once", choices=judging.RANKINGS,
        help="how a model judges: all samples of a prompt at once, or every two in both orders",
    )  # fmt: skip
    parser.add_argument(
        "--pairs", default="hardest", choices=pairs.HOW,
        help="best against the nearest text among the wrong (a model: among all worse ones), or against the worst",
    )  # fmt: skip
    parser.add_argument(
        "--max_similarity", type=float, default=None,
        help=f"of the characters of a pair, more is dropped (without it: 1 for the verifier, {ALIKE} for a model)",
    )  # fmt: skip
    parser.add_argument(
        "--extra", default=None, metavar="FILE",
        help="other models' answers: JSONL with completion and prompt (or prompt_id); train/dpo.py needs --off_policy; "
        "not with --judge hand",
    )  # fmt: skip
    parser.add_argument("--base", default=model.DEFAULT_BASE, help="model folder or name on the Hub")
    parser.add_argument("--n", type=int, default=4000, help="prompts to sample")
    parser.add_argument("--max_characters", type=int, default=None, help="longest prompt; longer ones are left out")
    parser.add_argument("--samples", type=int, default=4, help="samples per prompt, shared out over the temperatures")
    parser.add_argument("--temperature", type=temperatures, default=1.0, help="one, or several with commas: 0.7,1.2")
    parser.add_argument("--shots", type=int, default=0, help="seeds that a sample sees as earlier turns, each others")
    parser.add_argument("--top_p", type=float, default=1.0)
    parser.add_argument("--max_new_tokens", type=int, default=256, help="longest sample in tokens")
    add_engine_flags(parser)
    paid.add_flags(parser, "judge")
    args = cli.within(
        cli.parse(parser, argv), n=(1, None), samples=(2, None), temperature=(0.01, None), top_p=(0.01, 1),
        max_new_tokens=(1, None), max_similarity=(0, 1), shots=(0, None), max_characters=(1, None),
    )  # fmt: skip
    several = len(each_temperature(args))
    if args.samples % several:
        raise cli.UserError(f"--samples {args.samples} cannot be shared out evenly over {several} temperatures.")
    if args.max_similarity is None:
        args.max_similarity = ALIKE if by_model(args) else 1.0
    args.flags = list(sys.argv[1:] if argv is None else argv)
    return args


def deciding(args, domain) -> dict:
    """The settings that decide the pairs, for the next stage to compare with (common/provenance.py)."""
    keys = ("n", "seed", "samples", "temperature", "top_p", "max_new_tokens", "shots", "pairs")
    keys += ("max_similarity",)
    if by_model(args):
        keys += ("ranking", "judge_temperature", "judge_effort", "judge_max_tokens")
    if args.max_characters:
        keys += ("max_characters",)
    own = {"judge": args.judge.partition("@")[0], "teacher": mix.named(domain, args)}
    return {**own, **{key: getattr(args, key) for key in keys}}


def temperatures(text):
    """A number, or a list of the several that a text names."""
    values = [float(one) for one in str(text).split(",")]
    return values if len(values) > 1 else values[0]


# --- pairs ------------------------------------------------------------------------------------------


def load_extra(args, rows) -> dict:
    """{row's id: other models' answers} from --extra."""
    found, strange = pairs.read_extra(args.extra, rows) if args.extra else ({}, 0)
    if strange:
        print(f"note: {strange} lines of {args.extra} answer no prompt of this run and are left out.")
    return found


def with_extra(domain, rows, sampled, extra):
    """The samples of every row with other models' answers to it, judged alike."""
    if not extra:
        return sampled
    with ThreadPoolExecutor(4) as pool:
        judged = pool.map(lambda row: judge(domain, row, extra.get(row["id"], [])), rows)
        return [
            {**item, "samples": pairs.level(item["samples"] + more)} for item, more in zip(sampled, judged, strict=True)
        ]


def build_rows(args, rows, candidates, parent):
    """(The preference rows, one for each prompt with a margin; how many prompts have none for each reason)."""
    found, dropped = pairs.make_pairs(candidates, args.pairs, args.max_similarity)
    made = []
    for place, chosen, rejected in found:
        row = rows[place]
        made.append(
            {
                "id": f"dpo-{len(made):06d}",
                "prompt": row["prompt"],
                "chosen": chosen["text"],
                "rejected": rejected["text"],
                "chosen_score": chosen["score"],
                "rejected_score": rejected["score"],
                "margin": pairs.margin_of(chosen, rejected),
                "reason": rejected["reason"],
                "prompt_id": row["id"],
                "category": row["category"],
                "refuse": pairs.to_refuse(row),
                **{key: row[key] for key in ("cluster", "family") if key in row},
                "judge": llm.parse_spec(args.judge).name if by_model(args) else args.judge,
                "temperature": args.temperature,
                "top_p": args.top_p,
                "samples": args.samples,
                "adapter_sha256": parent["adapter_sha256"][:16],
                **more_of(args, chosen, rejected, candidates[place]),
            }
        )
    return made, dropped


def more_of(args, chosen, rejected, item) -> dict:
    """What a row says beside: each side's temperature where there are several, its place before a model, its policy."""
    sides, more = (("chosen", chosen), ("rejected", rejected)), {}
    if len(each_temperature(args)) > 1:
        more |= {f"{name}_temperature": side.get("temperature") for name, side in sides}
    if args.shots:
        more["shots"] = args.shots
    if by_model(args) and args.ranking == "at_once":
        more |= {f"{name}_position": side["position"] for name, side in sides} | {"shown": item["shown"]}
    if args.extra:
        more["on_policy"] = pairs.is_on_policy(chosen, rejected)
    return more


# --- the run ----------------------------------------------------------------------------------------


def by_model(args) -> bool:
    """Whether a model is asked, which costs."""
    return args.judge not in ("verifier", HAND)


def check(args, domain):
    """UserError for what is known to be missing before anything is sampled or paid for."""
    if args.dry_run and not by_model(args):
        raise cli.UserError("--dry_run shows what a model would be asked, and --judge names none.")
    if not mix.shares_of(domain, args):
        named, own = mix.named(domain, args), ", ".join([mix.TEMPLATES, *getattr(domain, "TEACHERS", {})])
        raise cli.UserError(f"--teacher {named}: prompts come from the domain's own teachers alone ({own}).")
    if by_model(args):
        paid.check(args, llm.parse_spec(args.judge))
    elif args.judge != HAND and not hasattr(domain, "verify"):
        raise cli.UserError(
            f"the domain {args.domain} has no verify(), which --judge verifier needs; name a model by --judge, or hand."
        )
    elif args.judge == HAND and args.extra:
        raise cli.UserError(
            "--judge hand lets a person rate the SFT model's own samples alone; leave --extra out, or rate the other "
            "answers by python data/label.py --pairs FILE."
        )


def prompts(args, domain) -> list:
    """The prompts to sample, made by the domain's teachers.

    UserError when all are longer than --max_characters, and for one whose `refuse` the pairs could not be counted by.
    """
    rows = mix.make_rows(domain, mix.shares_of(domain, args), args.seed + 1, args.n, "dpo")
    kept = [row for row in rows if len(row["prompt"]) <= (args.max_characters or math.inf)]
    if not kept:
        shortest = min(len(row["prompt"]) for row in rows)
        raise cli.UserError(
            f"--max_characters {args.max_characters} leaves no prompt of {len(rows)}: the shortest has {shortest}."
        )
    for row in kept if args.judge != HAND else ():
        pairs.to_refuse(row)
    return kept


def dry_run(args, domain, rows, extra):
    """Show what a judge would be asked about the samples there are; without any, about the domain's seeds."""
    known = {item["row_sha256"]: item for item in read_whole_lines(args.out / "gen_dpo/samples.jsonl")}
    found = [(row, known.get(model.settings_hash(row))) for row in rows]
    if not all(item for _, item in found):
        print("not every prompt has its samples yet; the domain's seeds stand in for the samples of all.")
        seeds = [{"text": seed["completion"], "finished": True} for seed in rows_of(domain, "load_seeds")]
        rng = random.Random(args.seed)
        found = [(row, {"samples": rng.sample(seeds, min(args.samples, len(seeds)))}) for row in rows]
    candidates = [{"samples": item["samples"] + extra.get(row["id"], [])} for row, item in found]
    judging.show_prompts(args, domain, rows, candidates)


def judge_by_model(args, domain, rows, candidates, folder, made_with):
    """(Candidates with the model's grades, what is known of the judge) of a run with a model as judge."""
    judged, totals = judging.judge_prompts(args, domain, rows, candidates, made_with)
    files.write_jsonl(folder / "judged.jsonl", judging.as_rows(rows, candidates, judged))
    known = {
        "calls": totals,
        "without a verdict": sum(bool(one.shown[1:]) and not one.grades for one in judged),
        "agreement": judging.agreement(rows, candidates, judged),
    }
    if args.ranking == "pairwise":
        known["both_orders"] = judging.both_orders(judged)
    return [judging.graded(*one) for one in zip(candidates, judged, strict=True)], known


def hand_over(args, rows, sampled, parent):
    """Write the prompts with at least two different finished samples for a person to rate in data/label.py."""
    target, made = args.out / "gen_dpo/to_rate.jsonl", []
    for row, item in zip(rows, sampled, strict=True):
        texts = list(dict.fromkeys(one["text"].strip() for one in item["samples"] if one["finished"]))
        texts = [text for text in texts if text]
        if len(texts) > 1:
            kept = {key: row[key] for key in ("id", "prompt", "category", "cluster", "family") if key in row}
            made.append({**kept, "answers": texts, "adapter_sha256": parent["adapter_sha256"][:16]})
    if not made:
        raise cli.UserError(f"no prompt of {len(rows)} has two different finished samples; is the SFT model trained?")
    files.write_jsonl(target, made)
    print(
        f"wrote {len(made)} of {len(rows)} prompts, each with 2 to {args.samples} answers, to {target}; next: "
        f"python data/label.py --pairs{args.command_tail}"
    )


def not_judged(sampled, known) -> str:
    """How many prompts the model gave no verdict on, or how many samples the verifier could not judge, of how many."""
    if known:
        return f"{known['without a verdict']} of {len(sampled)} prompts"
    flat = [one for item in sampled for one in item["samples"]]
    return f"{sum(one['score'][0] is None for one in flat)} of {len(flat)} samples"


def write_record(args, started, domain, parent, rows, sampled, kept, dropped, known):
    """out/gen_dpo/run.json."""
    flat = [one for item in sampled for one in item["samples"]]
    counts = {
        "prompts": len(rows),
        "samples": len(flat),
        "pairs": len(kept),
        "stopped": sum(one["finished"] for one in flat) / len(flat),
        "not judged": sum(one["score"][0] is None for one in flat),
        **{f"dropped: {reason}": count for reason, count in dropped.items()},
    }
    source = {key: value for key, value in provenance.teacher_of(args, domain).items() if key != "seeds"}
    source |= {"adapter": parent["adapter_sha256"], "prompts": model.settings_hash(rows)}
    source["settings"] = deciding(args, domain)
    output = {"dpo.jsonl": files.sha256(args.out / "data/dpo.jsonl")}
    more = {"engine": choose_engine(args.engine, endpoint_of(args)), "flags": args.flags}
    if known:
        more |= {"model_calls": known["calls"], "judge": {name: one for name, one in known.items() if name != "calls"}}
    inputs = [args.extra] if args.extra else []
    files.write_run_record(
        args.out / "gen_dpo", args, started, inputs=inputs, counts=counts, output=output, made_with=source, **more
    )


def main(args):
    started = time.time()
    domain = load_domain(args.domain, args.out)
    args.teacher = mix.named(domain, args)
    check(args, domain)
    rows = prompts(args, domain)
    extra = load_extra(args, rows)
    if args.dry_run:
        return dry_run(args, domain, rows, extra)
    args.dtype = model.choose_dtype(args.dtype)
    adapter, folder, target = args.out / "sft", args.out / "gen_dpo", args.out / "data/dpo.jsonl"
    parent = model.check_merged(adapter / "merged", args.base)
    model.check_system(parent, adapter, domain.SYSTEM_PROMPT)
    rows_domain.check_taught(args, parent)
    sampled = sample_blocks(args, domain, rows, folder, parent)
    if args.judge == HAND:
        return hand_over(args, rows, sampled, parent)
    candidates, known = with_extra(domain, rows, sampled, extra), None
    if by_model(args):
        made_with = sampled_with(args, domain, parent)
        candidates, known = judge_by_model(args, domain, rows, candidates, folder, made_with)
    made, dropped = build_rows(args, rows, candidates, parent)
    due = sum(map(pairs.to_refuse, rows))
    kept = pairs.drop_surplus_refusals(made, due, len(rows), random.Random(args.seed))
    dropped[pairs.REFUSALS] = len(made) - len(kept)
    told = ", ".join(f"{reason} {count}" for reason, count in dropped.items())
    if not kept:
        raise cli.UserError(
            f"no prompt of {len(rows)} gave a pair that counts ({told}), see {folder}/samples.jsonl; is the SFT model "
            "trained?"
        )
    files.write_jsonl(target, kept)
    files.write_text(folder / "report.md", pair_report.report(args, sampled, candidates, kept, dropped, known))
    write_record(args, started, domain, parent, rows, sampled, kept, dropped, known)
    if known:
        print(f"calls: {known['calls']['calls']}, {paid.shown(known['calls']['dollars'])}; each is in "
              f"{args.out / paid.LEDGER}.")  # fmt: skip
    off = " --off_policy" if any(not row.get("on_policy", True) for row in kept) else ""
    print(
        f"wrote {len(kept)} pairs from {len(rows)} prompts to {target} (without a pair: {told}; not judged: "
        f"{not_judged(sampled, known)}) in {time.time() - started:.0f} s; report: {folder}/report.md; next: "
        f"python train/dpo.py{args.command_tail}{off}"
    )


if __name__ == "__main__":
    cli.run(main, parse_args)
