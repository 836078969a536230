"""python eval/report.py

Puts the evaluation into the words of eval/templates: EVAL_REPORT.md with its plots, MODEL_CARD.md, and
out/eval/summary.json. Reads out/eval/{domain,winrate,mmlu}.json, out/answers, every run.json and the training logs;
says nothing that is not in them. Where the domain has no verifier the win rates are by hand
(out/eval/winrate_hand.json), else by the models that judged. The default run also puts the results table into README.md
and the result files, compressed, into eval/results, so that every figure can be recomputed on a clone.
"""

import gzip
import json
import os
import re
import sys
import time
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ when run by hand

from common import cli, files, provenance
from common.answers import MODELS, PAIRS, load_answers, load_rows
from common.domain import load_domain
from eval import pages, plots

# What the report reads from each result file's summary, and from that of a domain that has a verifier.
NEEDED = {
    "domain": ("perplexity", "stopped"),
    "winrate": (),
    "hand": ("hand",),
    "mmlu": ("benchmarks", "reported", "headline", "general_text"),
    "control": ("accuracy", "difference"),
    "seeds": ("difference", "counts", "steps"),
}
BY_VERIFIER = {
    "domain": (
        *("accuracy", "by_kind", "difference", "format", "explanation", "explanation_difference"),
        *("refused_answerable", "unjudged", "reasons", "lost", "won"),
    ),
    "winrate": ("correctness", "full"),
}
SCRIPTS = {
    "gen_sft": "data/gen_sft.py",
    "sft": "train/sft.py",
    "gen_dpo": "data/gen_dpo.py",
    "dpo": "train/dpo.py",
    "answers": "eval/answer.py",
    "domain": "eval/domain.py",
    "winrate": "eval/winrate.py",
    "hand": "data/label.py --export",
    "mmlu": "eval/mmlu.py",
    "control": "bench/control.py",
    "seeds": "bench/seeds.py",
}
SERVER = re.compile(
    r"\b((?:anthropic|openai):[^\s@\"`]+)@https?://[^\s\"`\]|]+"
)  # a model's name, and where it is asked
# Parts of the results that a run may lack; the control's settings are DPO's, and the seeds' rows are the table's.
HOLDS = {"control": ("summary", "rows", "run"), "seeds": ("summary", "run")}
# A stage takes a little longer than it records: the interpreter starts before it, and servers end after it.
AROUND = (1.1, 30)  # times its own seconds, and seconds
TAUGHT = {source: stage for stage, source in provenance.TAUGHT_BY.items()}
BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"


def parse_args(argv=None):
    return cli.parse(cli.parser(__doc__, "report"), argv)


def command(args, stage):
    """The command that makes a stage's products."""
    return f"python {SCRIPTS[stage]}{args.command_tail}"


def is_verified(args, domain) -> bool:
    """Whether the domain has a verifier that counts: eval/domain.py records it where it cannot judge enough."""
    path = args.out / "eval" / "domain.json"
    settings = files.read_json(path).get("settings", {}) if path.is_file() else {}
    return hasattr(domain, "verify") and settings.get("verified", True)


def sources(args, verified) -> dict:
    """{name: file} of everything that the report is made from, the run records aside.

    Ratings by hand count where no verifier does; there a win rate by a model is not needed.
    """
    results = args.out / "eval"
    beside = {"control": args.out / "control/control.json", "seeds": args.out / "seeds/seeds.json"}
    judged = {"winrate": results / "winrate.json", "hand": results / "winrate_hand.json"}
    optional = beside | ({} if verified else judged)
    return {
        **{name: args.out / "answers" / f"{name}.jsonl" for name in MODELS},
        "domain": results / "domain.json",
        **({"winrate": judged["winrate"]} if verified else {}),
        **{name: path for name, path in optional.items() if path.is_file()},
        "mmlu": results / "mmlu.json",
        "sft_log": args.out / "sft" / "log.json",
        "dpo_log": args.out / "dpo" / "log.json",
        "kl": args.out / "dpo" / "kl.json",
    }


def load_result(args, domain, verified, name, path) -> dict:
    """One result file; UserError when it is missing, lacks a part, or is older than its inputs or the domain's code."""
    made_by = command(args, name)
    result = files.read_json(path, made_by)
    needed = NEEDED[name] + (BY_VERIFIER.get(name, ()) if verified else ())
    parts = HOLDS.get(name, ("settings", "summary", "rows", "run"))
    missing = [key for key in parts if key not in result]
    missing += [f"summary.{key}" for key in needed if key not in result.get("summary", {})]
    if missing:
        raise cli.UserError(f"{path} lacks {', '.join(missing)}; run {made_by} again.")
    provenance.check_inputs(args, result["run"], path, made_by)
    provenance.check_judged(result["run"], domain, path, made_by)
    return result


def load_results(args, domain, verified, paths) -> dict:
    """{name: result} of the files in `paths`; a stale one that a run may lack is told and left out, of `paths` too."""
    results = {}
    for name in [name for name in NEEDED if name in paths]:
        try:
            results[name] = load_result(args, domain, verified, name, paths[name])
        except cli.UserError as error:
            if name not in HOLDS:
                raise
            print(f"left out of the report: {error}")
            del paths[name]
    return results


def load_runs(args) -> dict:
    """{stage: run record}, without a data stage where the training took a file of --data instead.

    UserError when a training took other data than its data stage wrote.
    """
    found = {}
    for stage in ("sft", "dpo", "answers", *TAUGHT):
        training = found.get(TAUGHT.get(stage))
        if training and training["settings"].get("data"):
            continue
        found[stage] = files.read_json(args.out / stage / "run.json", command(args, stage))
        if training:
            provenance.check_taught(args, TAUGHT[stage])
    return {stage: found[stage] for stage in SCRIPTS if stage in found}


def load(args, domain) -> SimpleNamespace:
    """Every file that the report needs; UserError naming the command for what is missing, stale, or asks otherwise.

    `answers` by model and id, `runs` by stage, `source` of the base; {} for a `winrate` where people alone judged, and
    for a `control` or `seeds` that were not run, or are stale; what judgement() says.
    """
    verified = is_verified(args, domain)
    paths = sources(args, verified)
    runs = load_runs(args)
    logs = {
        name: files.read_json(paths[name], command(args, stage))
        for name, stage in (("sft_log", "sft"), ("dpo_log", "dpo"), ("kl", "dpo"))
    }
    made = load_answers(args)
    load_rows(args, domain, made)
    answers = {name: {row["id"]: row for row in rows} for name, rows in made.items()}
    results = load_results(args, domain, verified, paths)
    if {row["id"] for row in results["domain"]["rows"]} != set(answers["dpo"]):
        raise cli.UserError(
            f"{paths['domain']} and {args.out / 'answers'} hold different items; run {command(args, 'domain')} again."
        )
    runs |= {name: result["run"] for name, result in results.items() if name not in HOLDS}
    return SimpleNamespace(
        **logs,
        **judgement(args, verified, results),
        files=paths,
        domain=results["domain"],
        winrate=results.get("winrate", {}),
        mmlu=results["mmlu"],
        control=results.get("control", {}),
        seeds=results.get("seeds", {}),
        answers=answers,
        runs=runs,
        seconds=stage_seconds(args, runs),
        source=load_source(runs["sft"]["settings"]["base"]),
        quality=load_quality(args, runs),
    )


def judgement(args, verified, results) -> dict:
    """{"judge": whose win rates the first screen has, "wins": these by pair, "judges" beside the verifier, "majority"}.

    A verifier comes before people, they before models, and the majority of several models before one. UserError when
    nothing but a control judged.
    """
    winrate, hand, items = results.get("winrate", {}), results.get("hand"), len(results["domain"]["rows"])
    together, judges = winrate.get("together", {}), dict(winrate.get("judges", {}))
    majority = {
        pair: {**one, "unjudged": items - one["n"]} for pair, one in together.get("majority", {}).items() if one
    }
    if hand:
        judges["hand"] = {"settings": {"self_preference": ""}, "summary": hand["summary"]["hand"]}
    voters = together.get("voters", [])
    if verified:
        judge, wins = winrate["settings"]["judge"], winrate["summary"]["correctness"]
    elif hand:
        judge, wins = "hand", judges["hand"]["summary"]
    elif voters:
        several = len(voters) > 1
        judge = f"the majority of {', '.join(voters)}" if several else voters[0]
        wins = majority if several else judges[voters[0]]["summary"]
    else:
        raise cli.UserError(
            f"nothing has judged the answers, and the domain {args.domain} has no verifier; run "
            f"{command(args, 'winrate')} with --judge openai:MODEL, or rate them with python data/label.py"
            f"{args.command_tail}."
        )
    nothing = {"rate": None, "low": None, "high": None, "n": 0, "unjudged": items}
    return {
        "judge": judge,
        "wins": {pair: wins.get(pair, nothing) for pair in PAIRS},
        "judges": judges,
        "majority": majority,
    }


def load_source(base):
    """What SOURCE.json in the base's folder says of it (what, licence), {} when there is no such file."""
    path = files.ROOT / base / "SOURCE.json"
    source = files.read_json(path) if path.is_file() else {}
    missing = [key for key in ("what", "licence") if source and not source.get(key)]
    if missing:
        raise cli.UserError(f"{path} lacks {', '.join(missing)}; add a sentence on what the base is, and its licence.")
    return source


def load_quality(args, runs) -> dict:
    """{stage: what data/quality.py found in the file that it was trained on}, {} for a file that it did not look at.

    `cleaned` says whether that was the file as it was or what was kept of it.
    """
    path = args.out / "quality" / "quality.json"
    looked = files.read_json(path)["files"] if path.is_file() else {}
    found = {}
    for stage in TAUGHT.values():
        trained = set(runs[stage]["inputs"].values())
        for one in looked.values():
            if trained & {one["sha256"], one["kept_sha256"]}:
                found[stage] = {**one, "cleaned": one["kept_sha256"] in trained}
    return found


def stage_seconds(args, runs):
    """{stage: wall seconds}: as run.sh measured them, else as each stage recorded them.

    What run.sh measured of an earlier run of a stage does not fit the record: it is shorter, or much longer.
    """
    path = args.out / "stage_seconds.json"
    measured = files.read_json(path) if path.is_file() else {}
    seconds = {run["stage"]: run["seconds"] for run in runs.values()}
    told = {stage: measured.get(stage, -1) for stage in seconds}
    fits = {stage for stage, own in seconds.items() if own <= told[stage] <= AROUND[0] * own + AROUND[1]}
    return {stage: told[stage] if stage in fits else own for stage, own in seconds.items()}


def summarise(found) -> dict:
    """The figures of out/eval/summary.json, shares as fractions of 1; no accuracy where there is no verifier."""
    domain, mmlu = found.domain["summary"], found.mmlu["summary"]

    def pick(one, *keys):
        return {key: one.get(key) for key in keys}

    interval = ("low", "high", "n")
    decided = ("tie_share", "decided_rate", "decided_low", "decided_high")
    accuracy = domain["accuracy"]["all"] if "accuracy" in domain else {}
    change = {"dpo_vs_sft": domain["difference"]["all"]["dpo_vs_sft"]} if accuracy else {}
    return {
        "domain": {name: pick(accuracy[name], "accuracy", *interval) for name in MODELS if accuracy},
        "domain_difference": {pair: pick(one, "difference", "low", "high") for pair, one in change.items()},
        "winrate": {pair: pick(one, "rate", *interval, *decided) for pair, one in found.wins.items()},
        "tax_of": mmlu["headline"],
        "tax": {pair: pick(one, "difference", *interval) for pair, one in pages.headline_taxes(found).items()},
        "general_text_perplexity": mmlu["general_text"]["perplexity"],
        "perplexity": pick(domain["perplexity"], *MODELS),
        "stopped": {name: domain["stopped"][name]["share"] for name in ("sft", "dpo")},
        "stage_seconds": found.seconds,
    }


def kept_name(name):
    """The name of a result file's compressed copy in eval/results."""
    return f"answers/{name}.jsonl.gz" if name in MODELS else f"{name}.json.gz"


def places(args, found) -> dict:
    """The path to show for each source: the tracked copy in the default run, else the file."""
    if args.tracked:
        return {name: f"eval/results/{kept_name(name)}" for name in (*found.files, "runs")}
    return {
        **{name: path.as_posix() for name, path in found.files.items()},
        "runs": f"{args.out.as_posix()}/*/run.json",
    }


def compose(found, args, domain, drawn, folder, report_name) -> dict:
    """The pages, see pages.fill; `drawn` names the plots, `folder` is their path from the report."""
    images = {
        name: f"![{caption.split('. ')[0].rstrip('.')}]({folder}/{file})\n\n{caption}"
        for name, (file, caption) in drawn.items()
    }
    return pages.fill(
        found,
        name=args.domain,
        purpose=(domain.__doc__ or args.domain).strip().splitlines()[0],
        system_prompt=domain.SYSTEM_PROMPT,
        command_tail=args.command_tail,
        images=images,
        places=places(args, found),
        report_name=report_name,
    )


def tidy(text):
    """The text without this machine's path of the repository, and without the addresses of models' servers."""
    return SERVER.sub(r"\1", text.replace(f"{files.ROOT}{os.sep}", ""))


def keep_results(args, found):
    """Compressed copies of the run's files in eval/results: same contents, same bytes, no server's address.

    The copy of a result that this run does not have is of another run, and is removed.
    """
    texts = {name: path.read_text(encoding="utf-8") for name, path in found.files.items()}
    records = {stage: {**run, "flags": None} if "flags" in run else run for stage, run in found.runs.items()}
    records["stage_seconds"] = found.seconds
    estimate = args.out / "estimate.json"  # how fast this machine is, for bench/estimate.py on another one
    if estimate.is_file():
        records["estimate"] = files.read_json(estimate)
    texts["runs"] = json.dumps(records, indent=1, ensure_ascii=False) + "\n"
    size, folder = 0, files.product(args, "eval/results")
    for name in NEEDED:
        if name not in texts and (path := folder / kept_name(name)).is_file():
            path.unlink()
            print(f"removed eval/results/{kept_name(name)}, which is of another run")
    for name, text in texts.items():
        packed = gzip.compress(tidy(text).encode("utf-8"), mtime=0)
        path = folder / kept_name(name)
        with files.replacing(path) as temporary:
            temporary.write_bytes(packed)
        size += len(packed)
    return size


def fill_readme(path, table):
    """Put the results table between the README's markers; without them nothing is written."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if begin and end:
        files.write_text(path, "\n".join([before + BEGIN, table, END + after]))


def main(args):
    started = time.time()
    domain = load_domain(args.domain, args.out)
    found = load(args, domain)
    report = files.product(args, "EVAL_REPORT.md")
    folder = files.product(args, "eval/results/plots") if args.tracked else args.out / "eval/plots"
    drawn = plots.draw_all(found, folder)
    link = Path(os.path.relpath(folder, report.parent)).as_posix()
    made = compose(found, args, domain, drawn, link, report.name)
    files.write_text(report, f"{tidy(made['report'])}\n")
    files.write_text(files.product(args, "MODEL_CARD.md"), f"{tidy(made['card'])}\n")
    files.write_json(args.out / "eval" / "summary.json", summarise(found))
    if args.tracked:
        fill_readme(files.product(args, "README.md"), made["table"])
        size = keep_results(args, found)
        print(f"kept the result files in eval/results, {size / 2**20:.2f} MiB")
    print(made["sentence"])
    print(f"wrote {tidy(str(report))} in {time.time() - started:.0f} s; next: bash serve.sh{args.command_tail}")


if __name__ == "__main__":
    cli.run(main, parse_args)
