"""python eval/report.py

Puts the evaluation into words: EVAL_REPORT.md with its plots, MODEL_CARD.md, out/eval/summary.json.
Reads out/eval/{domain,winrate,mmlu}.json, out/answers, every run.json and the training logs; says
nothing that is not in them. The default run also puts the results table into README.md and the
result files, compressed, into eval/results, so that every figure can be recomputed on a clone.
"""

import gzip
import json
import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ when run by hand

from common import cli, files, provenance
from common.answers import MODELS, PAIRS, load_answers
from common.domain import load_domain
from eval import card, plots, sections

# What the report reads from each result file's summary.
NEEDED = {
    "domain": (
        "accuracy",
        "by_kind",
        "difference",
        "format",
        "explanation",
        "explanation_difference",
        "refused_answerable",
        "unjudged",
        "reasons",
        "perplexity",
        "stopped",
        "lost",
        "won",
    ),
    "winrate": ("correctness", "full"),
    "mmlu": ("benchmarks", "reported", "headline", "general_text"),
}
SCRIPTS = {
    "gen_sft": "data/gen_sft.py",
    "sft": "train/sft.py",
    "gen_dpo": "data/gen_dpo.py",
    "dpo": "train/dpo.py",
    "answers": "eval/answer.py",
    **{name: f"eval/{name}.py" for name in NEEDED},
}
TAUGHT = {"gen_sft": "sft", "gen_dpo": "dpo"}  # which training takes a data stage's rows
BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"


class Found(NamedTuple):
    """Everything that is reported, as loaded; `answers` by model and id, `runs` by stage, `source` of the base, and
    `control` of bench/control.py, {} where that was not run."""

    domain: dict
    winrate: dict
    mmlu: dict
    answers: dict
    runs: dict
    sft_log: list
    dpo_log: list
    kl: list
    seconds: dict
    source: dict
    quality: dict
    control: dict = {}


def parse_args(argv=None):
    return cli.parse(cli.parser(__doc__, "report"), argv)


def command(args, stage):
    """The command that makes a stage's products."""
    return f"python {SCRIPTS[stage]}{args.command_tail}"


def sources(args):
    """{name: file} of everything that the report is made from, the run records aside."""
    control = args.out / "control" / "control.json"
    return {
        **{name: args.out / "answers" / f"{name}.jsonl" for name in MODELS},
        **{name: args.out / "eval" / f"{name}.json" for name in NEEDED},
        "sft_log": args.out / "sft" / "log.json",
        "dpo_log": args.out / "dpo" / "log.json",
        "kl": args.out / "dpo" / "kl.json",
        **({"control": control} if control.is_file() else {}),
    }


def load_result(args, name):
    """One result file; UserError when it is missing, lacks a part or is older than its inputs."""
    path, made_by = sources(args)[name], command(args, name)
    result = files.read_json(path, made_by)
    missing = [key for key in ("settings", "summary", "rows", "run") if key not in result]
    missing += [f"summary.{key}" for key in NEEDED[name] if key not in result.get("summary", {})]
    if missing:
        raise cli.UserError(f"{path} lacks {', '.join(missing)}; run {made_by} again.")
    provenance.check_inputs(result["run"], path, made_by)
    return result


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
        wrote = set(found[stage].get("output", {}).values())
        if training and wrote and not wrote & set(training["inputs"].values()):
            raise cli.UserError(
                f"{args.out / TAUGHT[stage]} was trained on other data than {args.out / stage} tells of; run "
                f"{command(args, TAUGHT[stage])} again."
            )
    return {stage: found[stage] for stage in SCRIPTS if stage in found}


def load(args, domain) -> Found:
    """Every file that the report needs; UserError naming the command for what is missing or stale."""
    runs = load_runs(args)
    logs = {
        name: files.read_json(sources(args)[name], command(args, stage))
        for name, stage in (("sft_log", "sft"), ("dpo_log", "dpo"), ("kl", "dpo"))
    }
    answers = {name: {row["id"]: row for row in rows} for name, rows in load_answers(args).items()}
    results = {name: load_result(args, name) for name in NEEDED}
    for name in ("domain", "winrate"):
        provenance.check_judged(results[name]["run"], domain, sources(args)[name], command(args, name))
    if {row["id"] for row in results["domain"]["rows"]} != set(answers["dpo"]):
        raise cli.UserError(
            f"{sources(args)['domain']} and {args.out / 'answers'} hold different "
            f"items; run {command(args, 'domain')} again."
        )
    runs |= {name: result["run"] for name, result in results.items()}
    return Found(
        **results,
        **logs,
        answers=answers,
        runs=runs,
        seconds=stage_seconds(args, runs),
        source=load_source(runs["sft"]["settings"]["base"]),
        control=load_control(args, domain),
        quality=load_quality(args, runs),
    )


def load_control(args, domain) -> dict:
    """What bench/control.py wrote, {} where it was not run; UserError when it is of other models or verdicts."""
    path, made_by = sources(args).get("control"), f"python bench/control.py{args.command_tail}"
    if not path:
        return {}
    control = files.read_json(path, made_by)
    provenance.check_inputs(control["run"], path, made_by)
    provenance.check_judged(control["run"], domain, path, made_by)
    return control


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
    """{stage: wall seconds}: as run.sh measured them, else as each stage recorded them."""
    measured = args.out / "stage_seconds.json"
    if measured.is_file():
        return files.read_json(measured)
    return {run["stage"]: run["seconds"] for run in runs.values()}


def summarise(found) -> dict:
    """The figures of out/eval/summary.json, shares as fractions of 1."""
    domain, wins, text = found.domain["summary"], found.winrate["summary"], found.mmlu["summary"]["general_text"]

    def pick(one, *keys):
        return {key: one[key] for key in keys}

    interval = ("low", "high", "n")
    decided = ("tie_share", "decided_rate", "decided_low", "decided_high")
    change, wins = domain["difference"]["all"]["dpo_vs_sft"], wins["correctness"]
    return {
        "domain": {name: pick(domain["accuracy"]["all"][name], "accuracy", *interval) for name in MODELS},
        "domain_difference": {"dpo_vs_sft": pick(change, "difference", "low", "high")},
        "winrate": {pair: pick(wins[pair], "rate", *interval, *decided) for pair in PAIRS},
        "tax_of": found.mmlu["summary"]["headline"],
        "tax": {pair: pick(one, "difference", *interval) for pair, one in sections.headline_taxes(found).items()},
        "general_text_perplexity": text["perplexity"],
        "perplexity": pick(domain["perplexity"], *MODELS),
        "stopped": {name: domain["stopped"][name]["share"] for name in ("sft", "dpo")},
        "stage_seconds": found.seconds,
    }


def kept_name(name):
    """The name of a result file's compressed copy in eval/results."""
    return f"answers/{name}.jsonl.gz" if name in MODELS else f"{name}.json.gz"


def places(args):
    """The path to show for each source: the tracked copy in the default run, else the file."""
    if args.tracked:
        return {name: f"eval/results/{kept_name(name)}" for name in (*sources(args), "runs")}
    return {
        **{name: path.as_posix() for name, path in sources(args).items()},
        "runs": f"{args.out.as_posix()}/*/run.json",
    }


def compose(found, args, drawn, folder) -> str:
    """EVAL_REPORT.md; `drawn` names the plots, `folder` is their path from the report."""
    images = {
        name: [f"![{caption.split('.')[0]}]({folder}/{file})", "", caption, ""]
        for name, (file, caption) in drawn.items()
    }
    return "\n".join(
        [
            f"# Evaluation: {args.domain}",
            "",
            *sections.base_lines(found),
            *sections.headline(found),
            "",
            "**Verdict**",
            "",
            *(f"- {line}" for line in sections.verdicts(found)),
            "",
            f"> {sections.copyable(found)}",
            "",
            f"Written by `python eval/report.py{args.command_tail}` from the files named at the end. "
            '"Better" and "worse" stand only where the 95 % interval excludes no difference.',
            "",
            *sections.domain_section(found, images["accuracy"]),
            *sections.winrate_section(found, images["winrate"]),
            *sections.judges_section(found),
            *sections.skills_section(found),
            *sections.training_section(found, images),
            *sections.quality_section(found),
            *sections.lost_section(found),
            *sections.side_by_side_section(found),
            "## What does not hold",
            "",
            *(f"- {line}" for line in sections.caveats(found)),
            "",
            *sections.settings_section(found),
            *sections.recompute_section(places(args), found.winrate.get("judges")),
        ]
    )


def tidy(text):
    """The text without this machine's path of the repository."""
    return text.replace(f"{files.ROOT}{os.sep}", "")


def keep_results(args, found):
    """Compressed copies of the run's files in eval/results: same contents, same bytes."""
    texts = {name: path.read_text(encoding="utf-8") for name, path in sources(args).items()}
    records = {**found.runs, "stage_seconds": found.seconds}
    estimate = args.out / "estimate.json"  # how fast this machine is, for bench/estimate.py on another one
    if estimate.is_file():
        records["estimate"] = files.read_json(estimate)
    texts["runs"] = json.dumps(records, indent=1, ensure_ascii=False) + "\n"
    size = 0
    for name, text in texts.items():
        packed = gzip.compress(tidy(text).encode("utf-8"), mtime=0)
        path = files.product(args, "eval/results") / kept_name(name)
        with files.replacing(path) as temporary:
            temporary.write_bytes(packed)
        size += len(packed)
    return size


def fill_readme(path, lines):
    """Put the results table between the README's markers; without them nothing is written."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if begin and end:
        files.write_text(path, "\n".join([before + BEGIN, *lines, END + after]))


def main(args):
    started = time.time()
    domain = load_domain(args.domain, args.out)
    found = load(args, domain)
    report = files.product(args, "EVAL_REPORT.md")
    folder = files.product(args, "eval/results/plots") if args.tracked else args.out / "eval/plots"
    drawn = plots.draw_all(found, folder)
    link = Path(os.path.relpath(folder, report.parent)).as_posix()
    files.write_text(report, tidy(compose(found, args, drawn, link)))
    files.write_text(files.product(args, "MODEL_CARD.md"), tidy(card.card(found, args, domain, report.name)))
    files.write_json(args.out / "eval" / "summary.json", summarise(found))
    if args.tracked:
        fill_readme(files.product(args, "README.md"), sections.headline(found))
        size = keep_results(args, found)
        print(f"kept the result files in eval/results, {size / 2**20:.2f} MiB")
    print(sections.copyable(found))
    print(f"wrote {tidy(str(report))} in {time.time() - started:.0f} s; next: bash serve.sh{args.command_tail}")


if __name__ == "__main__":
    cli.run(main, parse_args)
