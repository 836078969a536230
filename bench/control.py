"""python bench/control.py

Is it the preferences, or only more training? The control goes on training the SFT adapter on the chosen answers alone:
the rows, steps, rate and passes of out/dpo, its loss replaced by the chosen answers' likelihood. Answers the items of
out/answers with it, by the same engine, so these must not be of servers (--endpoint). Reads out/sft, out/dpo,
out/answers; writes out/control: dpo/ (the adapter, as train/dpo.py leaves it), answers/, and control.json (summary,
verdicts), of which eval/report.py then makes rows of the first screen.
"""

import sys
import time
from argparse import Namespace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and the stages when run by hand

from common import cli, files, model, provenance
from common.answers import load_answers, load_rows, load_verdicts
from common.apart import apart
from common.domain import load_domain
from eval import answer
from eval.domain import change, parts_of, share
from train import dpo

PAIRS = {"dpo_vs_control": ("dpo", "control"), "sft_vs_control": ("sft", "control")}


def parse_args(argv=None):
    parser = cli.parser(__doc__, "control")
    parser.add_argument("--resamples", type=int, default=10000, help="bootstrap resamples for each interval")
    return cli.within(cli.parse(parser, argv), resamples=(1, None))


def settings_of(args, stage, script) -> Namespace:
    """The settings that a stage was run with, by its run.json, for products in out/control."""
    record = files.read_json(args.out / stage / "run.json", f"python {script}{args.command_tail}")
    return Namespace(
        **record["settings"] | {"out": args.out / "control", "section": record["stage"], "command_tail": ""}
    )


def training_settings(args) -> Namespace:
    """DPO's own settings with the likelihood of the chosen answers as loss. UserError when its pairs have changed."""
    settings = Namespace(**vars(dpo.parse_args([])) | vars(settings_of(args, "dpo", "train/dpo.py")))
    data = Path(settings.data or args.out / "data/dpo.jsonl")
    record = files.read_json(args.out / "dpo/run.json")
    if not data.is_file() or files.sha256(data) not in record["inputs"].values():
        raise cli.UserError(
            f"{data} is not the file that {args.out / 'dpo'} was trained on; run python train/dpo.py"
            f"{args.command_tail} again."
        )
    settings.data, settings.loss_type, settings.loss_weights = str(data), ["sft"], [1.0]
    settings.report_to = "none"
    return settings


def train(args, adapter):
    """out/control/dpo, unless it is there already for this SFT adapter, these pairs and settings."""
    settings, folder = training_settings(args), args.out / "control"
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "sft"
    link.unlink(missing_ok=True)
    link.symlink_to(adapter.resolve(), target_is_directory=True)
    done, now = folder / "dpo/made_with.json", [vars(settings), files.sha256(settings.data), files.sha256(adapter)]
    mark = model.settings_hash(now)
    if done.is_file() and files.read_json(done) == mark:
        print(f"{folder / 'dpo'} is there already")
        return
    apart("trains the control", dpo.main, settings)
    files.write_json(done, mark)


def engine_of(args) -> str:
    """What gave out/answers, as the control's are to be made; UserError for servers, which have no control to ask."""
    engine = files.read_json(args.out / "answers/run.json", f"python eval/answer.py{args.command_tail}")["engine"]
    if engine.startswith("endpoint"):
        raise cli.UserError(
            f"the answers in {args.out / 'answers'} are of servers (--endpoint), which do not have the control, and of "
            f"two engines nothing would compare; run python eval/answer.py{args.command_tail} without --endpoint first."
        )
    return engine


def answers_of(args, domain, asked):
    """The control's answers to the items `asked`, as eval/answer.py makes those of the other models."""
    from common.engine import Engine

    settings, folder = settings_of(args, "answers", "eval/answer.py"), args.out / "control/dpo"
    tokenizer = model.load_tokenizer(folder)
    settings.engine = engine_of(args)
    engine = Engine(model.compared_base(settings), {"control": folder}, settings.engine, settings.dtype)
    settings.dtype = engine.dtype
    job = answer.make_job(settings, args.out / "control/answers", domain, engine, tokenizer, asked, "control", "chat")
    references = answer.reference_scores(settings, engine, tokenizer, asked, [job])
    return answer.answer(settings, engine, asked, job, references)


def summarise(args, verdicts, rows):
    """{"accuracy": {part: of the control}, "difference": {part: {pair of PAIRS}}}, as in eval/domain.py."""
    correct = {name: [one.correct for one in made] for name, made in verdicts.items()}
    clusters, summary = [row["cluster"] for row in rows], {"accuracy": {}, "difference": {}}
    for part, chosen in parts_of(rows).items():
        some, where = {n: [v[i] for i in chosen] for n, v in correct.items()}, [clusters[i] for i in chosen]
        summary["accuracy"][part] = share(some["control"], where, args, "accuracy")
        summary["difference"][part] = {pair: change(some[a], some[b], where, args) for pair, (a, b) in PAIRS.items()}
    return summary


def main(args):
    started = time.time()
    domain = load_domain(args.domain, args.out)
    engine_of(args)  # before the training
    answers = load_answers(args, ("sft", "dpo"))
    known = load_rows(args, domain, answers)
    rows = [known[row["id"]] for row in answers["sft"]]
    lineages = {name: model.read_lineage(args.out / name) for name in ("sft", "dpo")}
    model.check_descent(args.out, **lineages)
    train(args, args.out / "sft")
    answers["control"] = answers_of(args, domain, rows)
    verdicts = load_verdicts(args, domain, known, answers)
    summary = summarise(args, verdicts, rows)
    if not summary["difference"]["all"]["dpo_vs_control"]["n"]:
        raise cli.UserError(f"verify() of the domain {args.domain} can judge no answer of both; see its reasons.")
    record = files.read_json(args.out / "control/dpo/run.json")
    summary["training"] = {key: record["metrics"][key] for key in ("steps", "loss", "kl")} | record["counts"]
    folder = args.out / "control"
    inputs = [
        *(args.out / "answers" / f"{name}.jsonl" for name in ("sft", "dpo")),
        folder / "answers/control.jsonl",
        folder / "dpo/adapter_model.safetensors",
    ]
    items = [
        {key: row[key] for key in ("id", "cluster", "category", "refuse") if key in row}
        | {name: made[i]._asdict() for name, made in verdicts.items()}
        for i, row in enumerate(rows)
    ]
    run = files.run_record(args, started, inputs=inputs, judged_by=provenance.generator(domain))
    files.write_json(folder / "control.json", {"summary": summary, "rows": items, "run": run})
    one, difference = summary["accuracy"]["all"], summary["difference"]["all"]["dpo_vs_control"]
    points = [f"{100 * difference[key]:+.1f}" for key in ("difference", "low", "high")]
    print(
        f"control right on {one['accuracy']:.1%} of {one['n']}; SFT + DPO against it {points[0]} points ({points[1]} "
        f"to {points[2]}); wrote {folder} in {time.time() - started:.0f} s; "
        f"next: python eval/report.py{args.command_tail}"
    )


if __name__ == "__main__":
    cli.run(main, parse_args)
