"""python bench/sweep.py bench/sweeps/sft.yaml

Trains a table of runs, each a recipe with a few flags changed, and scores every one on the dev benchmark (never on the
test), of whose two slices the second stands beside the first. Skips the runs that are finished, so a killed sweep goes
on; says what is left before it starts. The table names the stage (sft or dpo), the recipe, flags of all runs, and flags
of each; see bench/sweeps/. `data` names sets of rows, each by its flags for data/gen_sft.py, and a run's `data` is one
of them; `items` is how many of dev are asked, all without it. A dpo table begins with the SFT model that all its
runs go on from, scored alike. Writes out/sweep/NAME/KEY (a run's products) and bench/results/sweep_NAME.json: each
run's figures and, item by item, what was right, with the verifier and the dev items by hash. Where one of these is
another today, --again scores finished runs anew from their adapters; nothing is trained.
"""

import importlib
import json
import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import chat, cli, files, model, provenance
from common.domain import load_domain, rows_of, verdict_on

KEYS = ("stage", "domain", "recipe", "items", "data", "sft", "pairs", "flags", "runs")
PARENT = "sft"  # the row of the model that the runs of a dpo table go on from
RESULTS = files.ROOT / "bench/results"
LOCK = threading.Lock()


def parse_args(argv=None):
    parser = cli.plain_parser(__doc__)
    parser.add_argument("table", help="YAML file of the runs")
    parser.add_argument("--out", default=None, metavar="DIR", help="folder of the runs (default: out/sweep/NAME)")
    parser.add_argument("--results", default=None, help="JSON of the figures (default: bench/results/sweep_NAME.json)")
    parser.add_argument("--only", nargs="+", default=None, metavar="KEY", help="these runs alone")
    parser.add_argument(
        "--again", nargs="+", default=None, metavar="KEY", help="score these finished runs again, and train none"
    )
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time; more than 1 only where a GPU has room")
    parser.add_argument("--minutes", type=float, default=0, help="start no run after this many minutes; 0 is no limit")
    parser.add_argument(
        "--score", nargs=3, default=None, metavar=("SFT", "MERGED", "TO"), help="used by the sweep itself"
    )
    args = parser.parse_args(argv)
    name = Path(args.table).stem
    args.out = Path(args.out or f"out/sweep/{name}")
    args.results = Path(args.results or RESULTS / f"sweep_{name}.json")
    return args


def read_table(path) -> dict:
    """The table, its keys checked. UserError for what is none, and for a run whose pairs or data it does not make."""
    if not Path(path).is_file():
        raise cli.UserError(
            f"no table {path}; there are {', '.join(map(str, sorted(Path(__file__).parent.glob('sweeps/*'))))}."
        )
    table = read_yaml(path)
    check_form(table, path)
    table["runs"] = {key: (table.get("flags") or {}) | (flags or {}) for key, flags in table["runs"].items()}
    for key, flags in table["runs"].items():
        if table.get("data") and flags.get("data") not in table["data"]:
            raise cli.UserError(f"{path}: run {key} names data that the table does not make: {flags.get('data')}.")
        if table["stage"] == "dpo" and flags.get("pairs") not in table["pairs"]:
            raise cli.UserError(f"{path}: run {key} names pairs that the table does not make: {flags.get('pairs')}.")
    return table


def read_yaml(path):
    """What a YAML file holds; UserError, naming the line, for one that is none."""
    import yaml

    try:
        return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise cli.UserError(f"{path} is not UTF-8; save it as UTF-8.") from None
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        raise cli.UserError(
            f"{path}{f':{where.line + 1}' if where else ''} is not YAML: {getattr(error, 'problem', error)}."
        ) from None


def check_form(table, path):
    """UserError unless the table has the keys of its stage, and mappings where names or flags belong."""
    if not isinstance(table, dict):
        raise cli.UserError(f"{path} is no table: it must be a mapping of {', '.join(KEYS)}.")
    if unknown := [key for key in table if key not in KEYS]:
        raise cli.UserError(
            f"{path}: unknown key {unknown[0]!r}{cli.nearest(str(unknown[0]), KEYS)}; a table has {', '.join(KEYS)}."
        )
    if table.get("stage") not in ("sft", "dpo"):
        raise cli.UserError(f"{path}: a table has a stage, sft or dpo, not {table.get('stage')!r}.")
    needed = ("recipe", "runs", *(("sft", "pairs") if table["stage"] == "dpo" else ()))
    if missing := [key for key in needed if key not in table or key != "sft" and not table[key]]:
        raise cli.UserError(f"{path} lacks {', '.join(missing)}; bench/sweeps/{table['stage']}.yaml is a whole one.")
    flags = {"flags": table.get("flags")} | ({} if isinstance(table.get("sft"), str) else {"sft": table.get("sft")})
    for key in ("runs", "data", "pairs"):
        flags |= {key: table.get(key)}
        flags |= {f"{key}: {name}": one for name, one in table[key].items()} if isinstance(table.get(key), dict) else {}
    if wrong := [name for name, value in flags.items() if not isinstance(value, (dict, type(None)))]:
        raise cli.UserError(f"{path}: {wrong[0]} must be a mapping of keys, not {flags[wrong[0]]!r}.")


def as_flags(settings) -> list:
    """{key: value} as command-line words."""
    words = []
    for key, value in (settings or {}).items():
        if isinstance(value, bool):
            words.append(f"--{'' if value else 'no-'}{key}")
        else:
            words += [f"--{key}", *map(str, value if isinstance(value, list) else [value])]
    return words


def call(log, script, *words):
    """Run one of the project's scripts, its output in `log`; UserError with the last line when it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as handle:
        code = subprocess.run([sys.executable, script, *map(str, words)], stdout=handle, stderr=handle).returncode
    if code:
        last = log.read_text(encoding="utf-8", errors="replace").strip().split("\n")[-1]
        raise cli.UserError(f"{script} ended with exit code {code} ({last[:200]}); its output is in {log}.")


def link(folder, target):
    """folder/sft -> the parent's adapter, so that a stage finds it where it looks."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "sft").is_symlink():
        (folder / "sft").unlink()  # the table may name another one today
    if not (folder / "sft").exists():
        (folder / "sft").symlink_to(Path(target).resolve())


def data_folder(args, name):
    """The folder of the table's set of rows `name`."""
    return args.out / "data" / name


def make_data(args, table, name):
    """Make the table's set of rows `name` by data/gen_sft.py, unless it is there."""
    folder = data_folder(args, name)
    if not (folder / "gen_sft/run.json").is_file():
        words = as_flags(table["data"][name])
        call(folder / "log.txt", "data/gen_sft.py", *shared_words(table), "--out", folder, *words)
    require_as_asked(folder, "data/gen_sft.py", table, table["data"][name])


def make_parent(args, table):
    """The SFT adapter that every DPO run goes on from: trained with the flags of `sft`, or the folder that it names."""
    folder = args.out / "parent"
    if isinstance(table["sft"], str):
        if not Path(table["sft"], "run.json").is_file():
            raise cli.UserError(f"nothing has been trained in {table['sft']} yet; run python train/sft.py first.")
        link(folder, table["sft"])
    if not (folder / "sft/run.json").is_file():
        call(
            folder / "log.txt",
            "train/sft.py",
            *shared_words(table),
            "--out",
            folder,
            *as_flags({"data": "data/sft.jsonl"} | (table["sft"] or {})),
        )
    return folder / "sft"


def make_pairs(args, table, name):
    """Sample and judge the table's pairs `name`, or select them from another's (`from`, made before); sets a file."""
    folder = args.out / "pairs" / name
    settings = dict(table["pairs"][name] or {})
    source = args.out / "pairs" / settings.pop("from", name)
    chosen = {key: settings.pop(key) for key in ("refusals", "pass_rate", "nearest", "reward") if key in settings}
    if source == folder and not (folder / "gen_dpo/run.json").is_file():
        link(folder, args.out / "parent/sft")
        call(folder / "log.txt", "data/gen_dpo.py", *shared_words(table), "--out", folder, *as_flags(settings))
    if source == folder:
        require_as_asked(folder, "data/gen_dpo.py", table, settings)
    rows = files.read_jsonl(source / "data/dpo.jsonl")
    if chosen:
        rows = select(rows, files.read_jsonl(source / "gen_dpo/samples.jsonl"), chosen)
    files.write_jsonl(folder / "pairs.jsonl", rows)


def select(rows, samples, chosen):
    """The pairs that the table wants: few or no refusals, of a pass rate, with a random wrong answer, of a bad reward.

    refusals: the largest share of pairs whose prompt deserves one, true for all there are, false for none.
    reward: shorter prefers the shortest sample to the longest, whatever they say: a reward that asks to be exploited.
    """
    judged = {item["id"]: item["samples"] for item in samples}
    rng, kept = random.Random(0), []
    for row in rows:
        made = judged[row["prompt_id"]]
        rate = share([one["score"][0] for one in made]) or 0.0
        low, high = chosen.get("pass_rate", (0, 1))
        if not low <= rate <= high:
            continue
        if not chosen.get("nearest", True) and row["margin"] == "correct":
            wrong = [one["text"] for one in made if one["finished"] and one["score"][0] == 0]
            right = [one["text"] for one in made if one["score"] == row["chosen_score"]]
            row = row | {"chosen": rng.choice(right), "rejected": rng.choice(wrong)}
        if chosen.get("reward") == "shorter":
            ended = sorted((one for one in made if one["finished"]), key=lambda one: one["tokens"])
            if ended[0]["tokens"] == ended[-1]["tokens"]:
                continue
            row = row | {"chosen": ended[0]["text"], "rejected": ended[-1]["text"]}
        kept.append(row)
    most, answerable = float(chosen.get("refusals", 1)), [row for row in kept if not row["refuse"]]
    if most == 1:
        return kept
    due = [row for row in kept if row["refuse"]]
    few = rng.sample(due, min(len(due), round(most / (1 - most) * len(answerable))))
    return [row for row in kept if not row["refuse"] or row in few]


def run_one(args, table, key):
    """Train and score one run; returns its figures."""
    folder, stage = args.out / key, table["stage"]
    flags = dict(table["runs"][key])
    if stage == "dpo":
        flags["data"] = args.out / "pairs" / flags.pop("pairs") / "pairs.jsonl"
        link(folder, args.out / "parent/sft")
    if table.get("data"):
        flags["data"] = data_folder(args, flags["data"]) / "data/sft.jsonl"
    flags = {"data": "data/sft.jsonl"} | flags
    if not (folder / stage / "run.json").is_file():
        call(folder / "log.txt", f"train/{stage}.py", *shared_words(table), "--out", folder, *as_flags(flags))
    require_as_asked(folder, f"train/{stage}.py", table, flags)
    if stage == "dpo":
        model.check_descent(folder, *(model.read_lineage(folder / name) for name in ("sft", "dpo")))
    run, scored = files.read_json(folder / stage / "run.json"), scores(args, folder, stage)
    return {
        "recipe": str(table["recipe"]),
        "flags": {name: str(value) for name, value in table["runs"][key].items()},
        "counts": run["counts"],
        "metrics": run["metrics"],
        "versions": run["versions"],
        "eval": [
            {
                name: item[name]
                for name in item
                if name in ("step", "eval_loss") or name.startswith(("eval_rewards", "eval_logps"))
            }
            for item in files.read_json(folder / stage / "log.json")
            if "eval_loss" in item
        ],
        "kl": files.read_json(folder / stage / "kl.json") if stage == "dpo" else None,
        "by_step": by_step(args, table, folder, stage, run["metrics"]["steps"]),
        **scored,
        "seconds": round(run["seconds"] + scored["seconds"], 1),  # not by the clock: the training may be of another day
    }


def shared_words(table) -> list:
    """Recipe and domain of the table as command-line words."""
    return ["--recipe", table["recipe"], *as_flags({key: table[key] for key in ("domain",) if key in table})]


def require_as_asked(folder, script, table, flags):
    """UserError unless what `script` has made in a folder is of these flags, read as the script reads them."""
    stage = Path(script).stem
    known = files.read_json(folder / stage / "run.json").get("settings", {})
    read = importlib.import_module(script.removesuffix(".py").replace("/", ".")).parse_args
    now = vars(read([*shared_words(table), *as_flags(flags)]))
    now = {key: json.loads(json.dumps(now[key], default=str)) for key in flags or () if key != "data"}
    changed = [key for key, value in now.items() if known.get(key, value) != value and value != "auto"]
    if changed:
        raise cli.UserError(
            f"{folder} was made with another {changed[0]} ({known[changed[0]]}) than the table's; delete the folder, "
            "and it is made again."
        )


def ask(args, folder, merged, to) -> dict:
    """What a merged model of a run's folder gets on dev, asked in a process of its own, which writes the file `to`."""
    call(folder / "log.txt", __file__, args.table, "--out", args.out, "--score", folder / "sft", merged, to)
    return files.read_json(to)


def scores(args, folder, stage):
    """What the run's merged model gets on dev; the seconds of asking with it."""
    started = time.time()
    found = ask(args, folder, folder / stage / "merged", folder / "score.json")
    return found | {"seconds": round(time.time() - started, 1)}


def by_step(args, table, folder, stage, last) -> list:
    """What the adapters that a run kept before its last step (--save_total_limit) get on dev; merged, and then not."""
    made = []
    for step in sorted((folder / stage).glob("steps/*"), key=lambda path: int(path.name)):
        if int(step.name) < last:
            call(folder / "log.txt", "train/merge.py", *shared_words(table), "--out", folder, "--adapter", step)
            found = ask(args, folder, step / "merged", step / "score.json")
            files.discard(step / "merged")
            made.append({"step": int(step.name)} | {key: one for key, one in found.items() if isinstance(one, float)})
    return made


def score_parent(args):
    """The row of the SFT model that the runs of a dpo table go on from; its training is not part of the table."""
    folder = args.out / "parent/sft"
    record, adapter = files.read_json(folder / "run.json"), files.sha256(folder / "adapter_model.safetensors")
    known = {"flags": {}, "eval": [], "kl": None, "adapter": adapter}
    known |= {key: record[key] for key in ("counts", "metrics", "versions")}
    return known | scores(args, args.out / "parent", "sft")


def score_again(args, table, key, row):
    """The row of a finished run with what its adapter gets today; UserError when that adapter is not there any more."""
    is_parent = key == PARENT and table["stage"] == "dpo"
    folder, stage = (args.out / "parent", "sft") if is_parent else (args.out / key, table["stage"])
    if is_parent and isinstance(table["sft"], str):
        make_parent(args, table)
    adapter = folder / stage
    record = files.read_json(adapter / "run.json") if (adapter / "run.json").is_file() else {}
    steps = {one["step"] for one in row.get("by_step", ())}
    if record.get("metrics") != row["metrics"] or not steps <= {int(path.name) for path in adapter.glob("steps/*")}:
        raise cli.UserError(
            f"the adapter that {args.results} has figures of is not in {adapter}; put it back, or take the run out of "
            "that file, and it is trained again."
        )
    if not (adapter / "merged").is_dir():
        call(folder / "log.txt", "train/merge.py", *shared_words(table), "--out", folder, "--adapter", adapter)
    if is_parent:
        require_parent(args, {PARENT: row})
    model.check_merged(adapter / "merged", record["settings"]["base"])
    scored = scores(args, folder, stage)
    if not is_parent:
        scored["seconds"] = round(record["seconds"] + scored["seconds"], 1)
    if steps:
        scored["by_step"] = by_step(args, table, folder, stage, record["metrics"]["steps"])
    return {name: value for name, value in row.items() if name != "also"} | scored


def share(values):
    """The mean of those that are known, None when none is."""
    known = [one for one in values if one is not None]
    return sum(known) / len(known) if known else None


def items_of(table, domain):
    """{"dev": items of the first slice, "also": those of the other, where there is one}."""
    rows = rows_of(domain, "load_benchmark", "dev")[: table.get("items")]
    first = rows[0].get("slice")
    apart = {"dev": [row for row in rows if row.get("slice") == first]}
    apart["also"] = [row for row in rows if row.get("slice") != first]
    return {name: some for name, some in apart.items() if some}


def judged_as(domain, rows) -> dict:
    """By what and on what a score is, by hash: the verifier, as eval/domain.py names it, and the dev items."""
    return {"judged_by": provenance.generator(domain), "dev_sha256": provenance.rows_sha256(rows)}


def score(table, sft, merged, to):
    """Greedy answers of a merged model to the dev items, judged; writes the file `to`. Reads the device's dtype."""
    from common.engine import Engine
    from common.sampling import Sampling

    domain = load_domain(table.get("domain", "text_to_sql"))
    items = items_of(table, domain)
    rows = [row for some in items.values() for row in some]
    model.check_system(model.read_lineage(sft), sft, domain.SYSTEM_PROMPT)
    tokenizer = model.load_tokenizer(sft)
    prompts = [chat.encode(tokenizer, row["prompt"], domain.SYSTEM_PROMPT) for row in rows]
    engine = Engine(str(merged), {}, "auto", model.choose_dtype("auto"))
    made = [one[0] for one in engine.generate("base", prompts, Sampling(max_new_tokens=192), "dev")]
    with ThreadPoolExecutor(4) as pool:
        texts = [one.text for one in made]
        verdicts = list(pool.map(lambda pair: verdict_on(domain, *pair), zip(rows, texts, strict=True)))
    n = len(items["dev"])
    found = judged_as(domain, rows) | figures(rows[:n], made[:n], verdicts[:n])
    if "also" in items:
        found["also"] = figures(rows[n:], made[n:], verdicts[n:])
    files.write_json(to, found)


def figures(rows, made, verdicts):
    """What is kept of the answers `made` to some items and their verdicts."""
    right = [
        None if v.correct is None else int(v.correct and m.finish_reason == "stop")
        for v, m in zip(verdicts, made, strict=True)
    ]
    explained = [
        None if None in (r, v.explanation_ok) else r * v.explanation_ok for r, v in zip(right, verdicts, strict=True)
    ]
    due = [i for i, row in enumerate(rows) if row.get("refuse")]  # of a domain whose rows say so
    answerable = [i for i in range(len(rows)) if i not in due]
    return {
        "items": {"answerable": len(answerable), "to_be_refused": len(due)},
        "answerable": share([right[i] for i in answerable]),
        "to_be_refused": share([right[i] for i in due]),
        "refused_answerable": share([int(verdicts[i].reason == "refused") for i in answerable]),
        "right_explanations": share([explained[i] for i in answerable]),
        "ended": sum(m.finish_reason == "stop" for m in made) / len(made),
        "mean_tokens": sum(len(m.token_ids) for m in made) / len(made),
        "right": "".join("?" if one is None else str(one) for one in right),
        "refuse": "".join(str(int(bool(row.get("refuse")))) for row in rows),
        "clusters": [row["cluster"] for row in rows],
    }


def differences(results, against):
    """{key: (points, low, high)} on answerable items against the run `against`, by bootstrap of whole clusters.

    Items of which either answer cannot be judged are left out.
    """
    from eval import stats

    base, made = results[against], {}
    for key, run in results.items():
        pairs = zip(run["right"], base["right"], base["clusters"], base["refuse"], strict=True)
        judged = [(int(a), int(b), cluster) for a, b, cluster, flag in pairs if flag == "0" and "?" not in (a, b)]
        if key != against:
            made[key] = [100 * x for x in stats.difference_interval(*zip(*judged, strict=True))]
    return made


def same_items(one, other):
    """Whether two rows are of the same dev items, as far as they say."""
    known = {run["dev_sha256"] for run in (one, other) if "dev_sha256" in run}
    slices = [[(part["clusters"], part["refuse"]) for part in (run, run.get("also")) if part] for run in (one, other)]
    return len(known) < 2 and all(a == b for a, b in zip(*slices, strict=False))


def print_table(results):
    """The runs beside each other, each with its difference from the first one on answerable items, where both have the
    same items."""
    first = next(iter(results))
    alike = {key: run for key, run in results.items() if same_items(run, results[first])}
    against = differences(alike, first)
    also = all("also" in run for run in results.values())
    beside = differences({key: run["also"] for key, run in alike.items()}, first) if also else {}
    names = ["run", "answerable %", f"against {first}", "to be refused %", "refused, answerable %"]
    names += ["also: answerable %", f"against {first}", "also: to be refused %"] if also else []
    names += ["dev loss, last (min)", "KL", "minutes"]
    print("| " + " | ".join(names) + " |\n" + "|---" * len(names) + "|")
    for key, run in results.items():
        losses = [item["eval_loss"] for item in run["eval"]]
        shown = [key, *answered(run, against.get(key)), per_cent(run["refused_answerable"])]
        shown += answered(run["also"], beside.get(key)) if also else []
        shown += [
            f"{losses[-1]:.4f} ({min(losses):.4f})" if losses else "-",
            f"{run['metrics']['kl']:.2f}" if run["kl"] else "-",
            f"{run['seconds'] / 60:.1f}" if key != PARENT else "-",
        ]
        print("| " + " | ".join(shown) + " |")


def answered(run, difference):
    """Cells: right of the answerable items, the difference from the first run, right of those to be refused."""
    changed = "{:+.1f} ({:+.1f} to {:+.1f})".format(*difference) if difference else ""
    return [per_cent(run["answerable"]), changed, per_cent(run["to_be_refused"])]


def per_cent(value):
    """A share as a cell; - where a domain's rows do not say what is to be refused."""
    return "-" if value is None else f"{100 * value:.1f}"


def note_unlike(table, results):
    """Says which rows were judged by a verifier that is not known or not today's, or asked other dev items."""
    domain = load_domain(table.get("domain", "text_to_sql"))
    now = judged_as(domain, [row for some in items_of(table, domain).values() for row in some])
    unlike = {
        "a verifier that is not known": [key for key, run in results.items() if "judged_by" not in run],
        "another verifier than today's": [
            key for key, run in results.items() if run.get("judged_by", now["judged_by"]) != now["judged_by"]
        ],
    }
    items = [key for key, run in results.items() if run.get("dev_sha256", now["dev_sha256"]) != now["dev_sha256"]]
    told = [f"judged by {what}: {', '.join(keys)}" for what, keys in unlike.items() if keys]
    told += [f"asked other dev items than today's: {', '.join(items)}"] if items else []
    if told:
        print(f"note: {'; '.join(told)} (the same command with --again and these names scores them again).")


def require_judged(results, keys, path):
    """UserError unless these rows of a table of DPO runs were judged by one known verifier on the same dev items."""
    told = {key: [results[key].get(name) for name in ("judged_by", "dev_sha256")] for key in keys}
    unknown = [key for key, one in told.items() if None in one]
    if unknown or len(set(map(tuple, told.values()))) > 1:
        what = "it is not known which verifier judged" if unknown else "different verifiers, or other dev items, judged"
        raise cli.UserError(
            f"{files.shown(path)}: {what} {', '.join(unknown or keys)}; run {again(path, unknown or keys)}."
        )


def again(path, keys) -> str:
    """The command that scores these rows of a table of DPO runs again."""
    other = "" if Path(path).resolve() == RESULTS / "sweep_dpo.json" else f" --results {path}"
    return f"python bench/sweep.py bench/sweeps/dpo.yaml{other} --again {' '.join(keys)}"


def require_known(args, table, results):
    """UserError for a run of --only or --again that is not there, and for one in the results of another recipe or with
    other flags."""
    runs = table["runs"]
    finished = [key for key in (*((PARENT,) if table["stage"] == "dpo" else ()), *runs) if key in results]
    for asked, have, where in ((args.only, (*runs, "none"), args.table), (args.again, finished, args.results)):
        unknown = next((key for key in asked or () if key not in have), None)
        if unknown:
            there = [key for key in have if key != "none"]
            raise cli.UserError(
                f"{where} has no run {unknown!r}{cli.nearest(unknown, there)}; it has {', '.join(there) or 'none'}."
            )
    for key, flags in runs.items():
        made = results.get(key, {}).get("flags", {})  # what the recipe says today has been a flag, or the reverse
        other = [name for name, value in flags.items() if made.get(name, str(value)) != str(value)]
        other += ["recipe"] if results.get(key, {}).get("recipe", str(table["recipe"])) != str(table["recipe"]) else []
        if other:
            raise cli.UserError(
                f"{args.results} has run {key} with another {other[0]} than {args.table}; give that run a new name."
            )


def prepare(args, table, results, keys):
    """Make the rows, the parent and the pairs that the runs need; the parent is scored where the results lack it."""
    for name in sorted({table["runs"][key]["data"] for key in keys}) if table.get("data") else ():
        make_data(args, table, name)
    if table["stage"] != "dpo" or not keys:
        return
    make_parent(args, table)
    require_parent(args, results)
    if PARENT not in results:
        results[PARENT] = score_parent(args)
        files.write_json(args.results, results)
    with ThreadPoolExecutor(args.jobs) as pool:
        needed = {table["runs"][key]["pairs"] for key in keys}
        sources = {(table["pairs"][name] or {}).get("from", name) for name in needed}
        for names in (sources, needed - sources):
            list(pool.map(lambda name: make_pairs(args, table, name), sorted(names)))


def require_parent(args, results):
    """UserError when the runs in the results went on from another SFT model than the parent's."""
    adapter = files.sha256(args.out / "parent/sft/adapter_model.safetensors")
    if results.get(PARENT, {}).get("adapter", adapter) != adapter:
        raise cli.UserError(
            f"the runs of {args.results} went on from another SFT model than {args.out / 'parent/sft'}; move that "
            f"file and {args.out} away, or put the model back."
        )


def make_each(args, results, keys, make) -> list:
    """make(key) of each run, --jobs at a time, each kept when it is made; returns what failed, in words."""
    started, failed = time.time(), []

    def one(key):
        if args.minutes and time.time() - started > 60 * args.minutes:
            return
        try:
            figures = make(key)
        except cli.UserError as error:
            failed.append(f"{key}: {error}")
            return
        with LOCK:
            results[key] = figures
            files.write_json(args.results, results)
            print(
                f"{key}: answerable {per_cent(figures['answerable'])} %, {figures['seconds'] / 60:.1f} minutes",
                flush=True,
            )

    with ThreadPoolExecutor(args.jobs) as pool:
        list(pool.map(one, keys))
    return failed


def train_each(args, table, results) -> list:
    """Train and score the runs that the results lack; returns what failed, in words."""
    keys = [key for key in table["runs"] if key not in results and (not args.only or key in args.only)]
    known = [results[key]["seconds"] for key in table["runs"] if key in results]
    cost = f", about {len(keys) * sum(known) / len(known) / 60 / args.jobs:.0f} minutes" if known and keys else ""
    print(f"{len(table['runs'])} runs, {len(known)} finished, {len(keys)} to do{cost}", flush=True)
    prepare(args, table, results, keys)
    return make_each(args, results, keys, lambda key: run_one(args, table, key))


def main(args):
    table = read_table(args.table)
    if args.score:
        return score(table, *map(Path, args.score))
    results = files.read_json(args.results) if args.results.is_file() else {}
    require_known(args, table, results)
    if args.again:
        failed = make_each(args, results, args.again, lambda key: score_again(args, table, key, results[key]))
    else:
        failed = train_each(args, table, results)
    if shown := {key: results[key] for key in (PARENT, *table["runs"]) if key in results}:
        print_table(shown)
        note_unlike(table, shown)
    for message in failed:
        print(f"failed: {message}", file=sys.stderr)
    left = "; next: the same command, for the runs that are missing" if failed and not args.again else ""
    print(f"wrote {args.results}{left}")
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    cli.run(main, parse_args)
