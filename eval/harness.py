"""Any other tasks of lm-eval on the same models, of eval/mmlu.py --tasks: scores with paired differences.

Each task runs as lm-eval ships it (prompts, few-shot rows, filters, metrics), on the questions that all models answer.
"""

from common import model
from common.cli import UserError, nearest
from eval import stats


def add_task_flags(parser):
    """The flags of eval/mmlu.py for further tasks, under lm-eval's own names where it has them."""
    add = parser.add_argument
    add("--tasks", default=None, metavar="A,B", help="further tasks of lm-eval, such as hellaswag,gsm8k,ifeval")
    add("--include_path", default=None, metavar="DIR", help="a folder of more tasks in lm-eval's YAML form")
    add("--limit", type=int, default=0, help="questions of each of --tasks; 0 takes all")
    add("--apply_chat_template", action="store_true", help="ask --tasks in the chat template SFT was trained in")


def find_tasks(args):
    """(lm-eval's manager, names) of --tasks, their data read once. UserError for a name or data that are not there."""
    if not args.tasks:
        return None, []
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=args.include_path)
    names = [name.strip() for name in args.tasks.split(",") if name.strip()]
    for name in names:
        if name not in manager.all_tasks:
            raise UserError(f"--tasks: lm-eval has no task {name}{nearest(name, manager.all_tasks)}.")
    try:
        manager.load(names)
    except Exception as error:  # the Hub's client, its HTTP client and the reader of its files each raise their own
        said = " ".join(str(error).split())[:150].rstrip(".") or type(error).__name__
        raise UserError(f"--tasks {args.tasks}: the data cannot be read ({said}); connect, or leave it out.") from None
    return manager, names


def run_tasks(args, paths, manager, names) -> list:
    """Rows {task, filter, metric, id, and each model's score} of every question, in every metric that is a number."""
    import lm_eval
    import torch
    from lm_eval.models.huggingface import HFLM

    tokenizer, rows = model.load_tokenizer(args.out / "sft"), {}
    for name, (weights, adapter) in paths.items():
        lm = HFLM(
            pretrained=weights,
            peft=adapter,
            tokenizer=tokenizer,
            dtype=args.dtype,
            batch_size=args.batch_size,
            device="cuda" if torch.cuda.is_available() else "cpu",
        )
        found = lm_eval.simple_evaluate(
            lm,
            tasks=names,
            task_manager=manager,
            limit=args.limit or None,
            apply_chat_template=args.apply_chat_template,
            bootstrap_iters=0,
        )
        for task, samples in found["samples"].items():
            for sample in samples:
                for metric in sample["metrics"]:
                    key = (task, sample["filter"], metric, sample["doc_id"])
                    if isinstance(sample[metric], (bool, int, float)):  # others are counted over all questions at once
                        rows.setdefault(key, {})[name] = float(sample[metric])
        del lm
        model.release()
    keys = ("task", "filter", "metric", "id")
    return [{**dict(zip(keys, key, strict=True)), **scores} for key, scores in sorted(rows.items())]


def summarise(rows, models, pairs) -> list:
    """For each task, filter and metric {.., n, "score": {model: mean}, "difference": {pair: {difference, low, high}}}.

    Differences are paired by question, with Student's interval; of tasks that lm-eval scores otherwise than by a mean
    over questions (perplexity, correlation) this is the mean, too.
    """
    groups = {}
    for row in rows:
        groups.setdefault((row["task"], row["filter"], row["metric"]), []).append(row)
    made = []
    for (task, kind, metric), some in groups.items():
        values = {name: [row[name] for row in some] for name in models}
        difference = {}
        for pair, (after, before) in pairs.items():
            figures = stats.paired_t_interval(values[after], values[before]) if len(some) > 1 else (None, None, None)
            difference[pair] = dict(zip(("difference", "low", "high"), figures, strict=True))
        score = {name: sum(one) / len(one) for name, one in values.items()}
        made.append(
            {"task": task, "filter": kind, "metric": metric, "n": len(some), "score": score, "difference": difference}
        )
    return made


def table(summary) -> list:
    """Lines for the screen."""
    lines = []
    for one in summary:
        scores = ", ".join(f"{name} {value:.4f}" for name, value in one["score"].items())
        lines.append(f"{one['task']} ({one['filter']}, {one['metric']}, n = {one['n']}): {scores}")
        for pair, change in one["difference"].items():
            if change["low"] is not None:
                figures = f"{change['difference']:+.4f} ({change['low']:+.4f} to {change['high']:+.4f})"
                lines.append(f"  {pair.replace('_vs_', ' - ')}: {figures}")
    return lines
