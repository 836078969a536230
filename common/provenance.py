"""What made a product, so that the next stage can tell a stale one and refuse it in one sentence.

A stage's run.json says by hash what went in (`inputs`, `made_with`) and what came out (`output`). A record that does
not say one of these, as of a version before it was kept, is not compared in that.
"""

import hashlib
import json
import shlex
from pathlib import Path

from common import files, model
from common.cli import UserError, from_root

PARTS = (".py", ".yaml", ".yml", ".json", ".toml", ".txt", ".csv")  # endings of a domain's code and of what it reads
TAUGHT_BY = {"sft": "gen_sft", "dpo": "gen_dpo"}  # the stage whose rows a training takes, unless --data names others


def generator(domain) -> str:
    """A hash of the domain's own files, its templates and its verifier; where it has none, of its rubric.

    Rows of a benchmark are not part of it: they are compared as such.
    """
    digest, file = hashlib.sha256(), getattr(domain, "__file__", None)
    for path in sorted(Path(file).parent.rglob("*")) if file else ():
        if path.suffix in PARTS and path.is_file():
            digest.update(f"{path.relative_to(Path(file).parent)}\n".encode() + path.read_bytes())
    if not file:
        digest.update(getattr(domain, "JUDGE_RUBRIC", "").encode())
    return digest.hexdigest()[:16]


def rows_sha256(rows: list) -> str:
    """SHA-256 of rows as JSON lines with sorted keys."""
    lines = (json.dumps(row, sort_keys=True, default=str) + "\n" for row in rows)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def benchmark_told(split: str, rows: list) -> dict:
    """What a record says of a benchmark: its split, and number and hash of all its rows."""
    return {"split": split, "rows": len(rows), "sha256": rows_sha256(rows)}


def asked(domain, rows: list) -> str:
    """A hash of everything that models are asked these benchmark rows by: rows, system prompt, few-shot examples."""
    few_shot = getattr(domain, "few_shot_prompt", None)
    return model.settings_hash([domain.SYSTEM_PROMPT, rows, [few_shot(row) for row in rows] if few_shot else None])


def teacher_of(args, domain) -> dict:
    """What generated data come from: domain, generator and seeds, the last two by hash."""
    seeds = model.settings_hash(list(domain.load_seeds()))
    return {"domain": args.domain, "generator": generator(domain), "seeds": seeds}


def check_data(args, domain, script, data):
    """UserError when the default data file is not what its record, today's domain and today's recipe say it should be.

    script: the module of data/ that writes the file, and out/NAME/run.json beside it. A file that is named by --data is
    taken as it is. So is one without a record: the repository's own.
    """
    stage = script.__name__.rpartition(".")[2]
    path = args.out / stage / "run.json"
    if args.data or not path.is_file() or not Path(data).is_file():  # whoever reads it says what is missing
        return
    named = f"take it as it is by --data {shlex.quote(str(data))}"
    record, again = files.read_json(path), f"run python data/{stage}.py{args.command_tail} again"
    if files.sha256(data) not in record.get("output", {}).values():
        raise UserError(f"{data} is not the file that {path} tells of; {again}, or {named}.")
    now = teacher_of(args, domain)
    changed = [name for name, known in record.get("made_with", {}).items() if now.get(name, known) != known]
    if changed:
        raise UserError(
            f"{data} was made with another {' and '.join(changed)} than today's, by {path}; {again}, or {named}."
        )
    if changed := changed_settings(args, domain, script, record):
        raise UserError(f"{data} was made with {changed}, by {path}; {again}, or {named}.")


def changed_settings(args, domain, script, record) -> str:
    """The first setting that decides the rows and would be another one today, in words; '' when there is none.

    Today's are those of the recorded flags under the recipe of `args`: what was given by hand then stays as it was.
    """
    known = record.get("made_with", {}).get("settings", {})
    if not known or "flags" not in record:
        return ""
    now = script.deciding(script.parse_args([*record["flags"], "--recipe", str(args.recipe)]), domain)
    told = (
        f"{key} {known.get(key)}, where {args.recipe} now says {now[key]}" for key in now if known.get(key) != now[key]
    )
    return next(told, "")


def check_inputs(args, run: dict, what, made_by: str):
    """UserError when a file that `what` was made from, by its record `run`, has changed since.

    One from the run's own folder is looked for in args.out, which may be a copy, or be named from another place.
    """
    was = run.get("settings", {}).get("out")
    for source, digest in run.get("inputs", {}).items():
        places = (Path(source), from_root(source))
        if was and Path(source).is_relative_to(files.shown(was)):
            places = (args.out / Path(source).relative_to(files.shown(was)),)
        path = next((path for path in places if path.is_file()), None)
        if path and files.sha256(path) != digest:
            raise UserError(f"{what} was made from another {source} than the one now there; run {made_by} again.")


def check_taught(args, *stages):
    """UserError when an adapter of these stages was trained on other rows than its data stage has written since."""
    for stage in stages:
        source = TAUGHT_BY[stage]
        training, made = (
            files.read_json(path) if path.is_file() else {}
            for path in (args.out / stage / "run.json", args.out / source / "run.json")
        )
        wrote, took = set(made.get("output", {}).values()), set(training.get("inputs", {}).values())
        if training and not training["settings"].get("data") and wrote and not wrote & took:
            raise UserError(
                f"{args.out / stage} was trained on other data than {args.out / source} tells of; run "
                f"python train/{stage}.py{args.command_tail} again."
            )


def check_judged(run: dict, domain, what, made_by: str):
    """UserError when verdicts were given by another version of the domain's code than today's."""
    if "judged_by" in run and run["judged_by"] != generator(domain):
        raise UserError(f"{what} was judged by another version of the domain than today's; run {made_by} again.")


def check_asked(args, domain, rows: list):
    """UserError when today's benchmark, system prompt or few-shot examples are not those that were answered."""
    record = files.read_json(args.out / "answers" / "run.json")
    if "asked" in record and record["asked"] != asked(domain, rows):
        raise UserError(
            f"the benchmark, the system prompt or the few-shot examples of {args.domain} have changed since "
            f"{args.out / 'answers'} was made; run python eval/answer.py{args.command_tail} again."
        )


def policy_of(pairs: list, parent: dict) -> dict:
    """{"on": pairs whose samples came from the adapter `parent`, "off": from another model, "unknown": not said}."""
    counts = {"on": 0, "off": 0, "unknown": 0}
    for pair in pairs:
        adapter = pair.get("adapter_sha256")
        same = isinstance(adapter, str) and len(adapter) >= 16 and parent["adapter_sha256"].startswith(adapter)
        same = same and pair.get("on_policy") is not False
        counts["unknown" if adapter is None else "on" if same else "off"] += 1
    return counts
