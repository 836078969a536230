"""Reading answers back for evaluation: the same items for every model, each with the domain's verdict."""

from concurrent.futures import ThreadPoolExecutor

from common import files, provenance
from common.cli import UserError
from common.domain import rows_of, verdict_on

MODELS = ("base", "sft", "dpo")
PAIRS = {"dpo_vs_sft": ("dpo", "sft"), "dpo_vs_base": ("dpo", "base"), "sft_vs_base": ("sft", "base")}


def load_answers(args, names=MODELS) -> dict:
    """{model: answers}, after checking that every file answers the same prompts in the same order.

    UserError, too, when an adapter is no longer the one that answered.
    """
    folder = args.out / "answers"
    keys = ("id", "prompt", "answer", "cluster", "category", "finish_reason")
    made_by, texts = f"python eval/answer.py{args.command_tail}", ("prompt", "answer")
    loaded = {name: files.read_jsonl(folder / f"{name}.jsonl", keys, made_by, texts) for name in names}
    provenance.check_inputs(args, files.read_json(folder / "run.json", made_by), folder, made_by)
    first = loaded[names[0]]
    for name in names[1:]:
        if [(row["id"], row["prompt"]) for row in loaded[name]] != [(row["id"], row["prompt"]) for row in first]:
            raise UserError(
                f"{folder}/{name}.jsonl and {folder}/{names[0]}.jsonl do not answer the same prompts; run "
                f"python eval/answer.py{args.command_tail} again."
            )
    return loaded


def load_rows(args, domain, answers: dict) -> dict:
    """{id: benchmark row} of the split that was answered; UserError when it no longer asks what was answered."""
    split = files.read_json(args.out / "answers" / "run.json", "python eval/answer.py")["settings"]["split"]
    rows = {row["id"]: row for row in rows_of(domain, "load_benchmark", split)}
    for name, made in answers.items():
        unknown = [row["id"] for row in made if row["id"] not in rows or rows[row["id"]]["prompt"] != row["prompt"]]
        if unknown:
            raise UserError(
                f"{args.out}/answers/{name}.jsonl has {unknown[0]}, which is not in today's {split} benchmark; run "
                f"python eval/answer.py{args.command_tail} again."
            )
    provenance.check_asked(args, domain, [rows[row["id"]] for row in next(iter(answers.values()))])
    return rows


def load_verdicts(args, domain, rows: dict, answers: dict) -> dict:
    """{name: verdicts} from the domain's verifier, in the answers' order; an unfinished answer is judged as it is."""
    from tqdm import tqdm

    if not hasattr(domain, "verify"):
        raise UserError(f"the domain {args.domain} has no verify(); its answers need a model as judge.")
    verdicts = {}
    with ThreadPoolExecutor(4) as pool:
        for name, made in answers.items():
            verdicts[name] = list(
                tqdm(
                    pool.map(lambda row: verdict_on(domain, rows[row["id"]], row["answer"]), made),
                    total=len(made),
                    desc=f"verify {name}",
                    unit="answer",
                    mininterval=2,
                )
            )
    return verdicts
