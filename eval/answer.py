"""python eval/answer.py

Answers the test benchmark with base, SFT and DPO in one engine with the same greedy decoding. The base answers twice,
in the chat template and few-shot in the form it was trained on; the form with more correct answers counts as the base.
Reads out/sft, out/dpo and the domain's benchmark; writes out/answers. A killed run keeps the models it has answered.
"""

import sys
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import chat, cli, files, model, provenance, rows_domain, score
from common.domain import load_domain, rows_of, splits_of, verdict_on
from common.endpoint import endpoint_of
from common.engine import Engine, add_engine_flags
from common.sampling import Sampling


def parse_args(argv=None):
    parser = cli.parser(__doc__, "answer")
    parser.add_argument("--split", default="test", help="benchmark split of the domain; test is for the reported run")
    parser.add_argument("--limit", type=int, default=0, help="answer only the first so many items; 0 answers all")
    parser.add_argument(
        "--reference_rows", type=int, default=100, help="items whose reference is scored, for the perplexity"
    )
    add_asking_flags(parser)
    args = cli.parse(parser, argv)
    return cli.within(args, limit=(0, None), reference_rows=(1, None), max_new_tokens=(1, None))


def add_asking_flags(parser):
    """The flags of whoever asks base, SFT and DPO: this script, and eval/domain.py for questions of one's own."""
    parser.add_argument("--base", default=model.DEFAULT_BASE, help="model folder or name on the Hub")
    parser.add_argument("--max_new_tokens", type=int, default=256, help="longest answer in tokens")
    add_engine_flags(parser)
    model.add_base_weights_flag(parser)


def render_all(domain, tokenizer, rows, form):
    """(prompt token ids, stop strings) of every row in the form 'chat' or 'few_shot'."""
    if form == "chat":
        return [chat.encode(tokenizer, row["prompt"], domain.SYSTEM_PROMPT) for row in rows], ()
    shown = [domain.few_shot_prompt(row) for row in rows]
    texts = [text for text, _ in shown]
    return tokenizer(texts, split_special_tokens=True)["input_ids"], tuple(
        shown[0][1]
    )  # plain text, whatever it spells


class Job(NamedTuple):
    """One model in one form: what it reads, where its answers go, and what they are made with."""

    name: str
    form: str
    path: Path
    prompts: list
    stop: tuple
    made_with: dict

    def is_done(self):
        """Whether the answers are there already for these prompts and this model."""
        mark = self.path.with_suffix(".made_with.json")
        return self.path.is_file() and mark.is_file() and files.read_json(mark) == self.made_with


def make_job(args, folder, domain, engine, tokenizer, rows, name, form):
    """The job of a model in a form, whose answers go to `folder`; the base has a file for each form."""
    prompts, stop = render_all(domain, tokenizer, rows, form)
    made_with = {
        **engine.weights(name),
        "split": args.split,
        "rows": model.settings_hash(rows),
        "prompts": model.settings_hash([prompts, stop]),  # as the model reads them: template, system prompt, examples
        "max_new_tokens": args.max_new_tokens,
        "reference_rows": args.reference_rows,
        "dtype": args.dtype,
        "engine": engine.kind,
    }
    path = folder / (f"base_{form}.jsonl" if name == "base" else f"{name}.jsonl")
    return Job(name, form, path, prompts, stop, made_with)


def reference_scores(args, engine, tokenizer, rows, jobs):
    """{path: log-probs of the tokens of each row's reference, without stop token, in the job's form, or None}.

    Of the first --reference_rows rows and of jobs that are not done. Before the engine starts, which takes most of a
    card.
    """
    todo = [job for job in jobs if not job.is_done()]
    if not todo or not args.reference_rows:
        return {job.path: [None] * len(rows) for job in todo}
    n = min(args.reference_rows, len(rows))
    read = {"chat": chat.answer_ids, "few_shot": score.text_ids}
    completions = {form: [how(tokenizer, row["completion"]) for row in rows[:n]] for form, how in read.items()}
    scored = score.score_apart(
        [(engine.path(job.name), job.prompts[:n], completions[job.form]) for job in todo], args.dtype
    )
    return {job.path: values + [None] * (len(rows) - n) for job, values in zip(todo, scored, strict=True)}


def answer(args, engine, rows, job, references):
    """The answers of a job, written to its file unless they are there already."""
    if job.is_done():
        print(f"{job.path} is there already")
        return files.read_jsonl(job.path)
    sampling = Sampling(max_new_tokens=args.max_new_tokens, stop=job.stop)
    made = engine.generate(job.name, job.prompts, sampling, f"{job.name} {job.form}")
    answers = [
        {
            "id": row["id"],
            "cluster": row["cluster"],
            "category": row["category"],
            "prompt": row["prompt"],
            "answer": one[0].text,
            "tokens": len(one[0].token_ids),
            "finish_reason": one[0].finish_reason,
            "form": job.form,
            "reference_logprob": None if values is None else sum(values),
            "reference_tokens": None if values is None else len(values),
        }
        for row, one, values in zip(rows, made, references[job.path], strict=True)
    ]
    mark = job.path.with_suffix(".made_with.json")
    mark.unlink(missing_ok=True)  # or a kill between the two files leaves answers that are told to be other ones
    files.write_jsonl(job.path, answers)
    files.write_json(mark, job.made_with)
    return answers


def accuracy(domain, rows, answers):
    """Share of correct answers among those that can be judged, None where none can."""
    if not hasattr(domain, "verify"):
        return None
    verdicts = [verdict_on(domain, row, made["answer"]).correct for row, made in zip(rows, answers, strict=True)]
    judged = [one for one in verdicts if one is not None]
    return sum(judged) / len(judged) if judged else None


def checked_adapters(args, domain) -> dict:
    """{"sft": folder, "dpo": folder}; UserError when they do not belong together, to base, data or today's prompt."""
    adapters = {name: args.out / name for name in ("sft", "dpo")}
    lineages = {name: model.check_merged(folder / "merged", args.base) for name, folder in adapters.items()}
    model.check_descent(args.out, **lineages)
    provenance.check_taught(args, *adapters)
    rows_domain.check_taught(args, lineages["sft"])
    for name, folder in adapters.items():
        model.check_system(lineages[name], folder, domain.SYSTEM_PROMPT)
    return adapters


def answer_all(args, domain, rows, folder, **told) -> tuple:
    """({model: answers} of base, SFT and DPO, the form that the base is better in), after checking the adapters.

    Writes the answers to `folder`, keeping those that are there already, with a record of the run that holds `told`.
    """
    started = time.time()
    args.dtype = model.choose_dtype(args.dtype)
    adapters = checked_adapters(args, domain)
    tokenizer = model.load_tokenizer(adapters["sft"])
    engine = Engine(model.compared_base(args), adapters, args.engine, args.dtype, endpoint_of(args))
    args.dtype = engine.dtype  # for the records
    engine.require("base", *adapters)
    forms = ["chat"] + (["few_shot"] if hasattr(domain, "few_shot_prompt") else [])
    asked = [("base", form) for form in forms] + [(name, "chat") for name in adapters]
    jobs = [make_job(args, folder, domain, engine, tokenizer, rows, name, form) for name, form in asked]
    references = reference_scores(args, engine, tokenizer, rows, jobs)
    (folder / "run.json").unlink(missing_ok=True)  # until all have answered, the answers may be those of two runs
    for name in {"chat", "few_shot"} - set(forms):
        (folder / f"base_{name}.jsonl").unlink(missing_ok=True)  # of a domain that had it
    base = {job.form: answer(args, engine, rows, job, references) for job in jobs if job.name == "base"}
    scores = {form: accuracy(domain, rows, base[form]) for form in forms}
    better = max(forms, key=lambda form: -1 if scores[form] is None else scores[form])
    files.write_jsonl(folder / "base.jsonl", base[better])
    made = {"base": base[better]}
    made |= {job.name: answer(args, engine, rows, job, references) for job in jobs[len(forms) :]}
    counts = {
        "items": len(rows),
        "base_form": better,
        **{f"base_{form}_accuracy": value for form, value in scores.items()},
    }
    inputs = [adapter / "adapter_model.safetensors" for adapter in adapters.values()]
    more = {
        "engine": engine.kind,
        "base_weights": model.base_weights_told(args),
        "asked": provenance.asked(domain, rows),
    }
    files.write_run_record(folder, args, started, inputs=inputs, counts=counts, **more, **told)
    return made, better


def benchmark_of(args, domain) -> list:
    """All rows of --split; UserError when the domain has no such split."""
    known = splits_of(domain)
    if args.split not in known:
        raise cli.UserError(
            f"--split {args.split}: the domain {args.domain} has no such split{cli.nearest(args.split, known)}; it has "
            f"{', '.join(known)}."
        )
    return rows_of(domain, "load_benchmark", args.split)


def main(args):
    started = time.time()
    domain = load_domain(args.domain, args.out)
    benchmark = benchmark_of(args, domain)
    rows, folder = benchmark[: args.limit or None], args.out / "answers"
    if len(rows) < len(benchmark):
        print(f"the first {len(rows):,} of {len(benchmark):,} items are asked (--limit; 0 asks all)")
    about = provenance.benchmark_told(args.split, benchmark)
    _, better = answer_all(args, domain, rows, folder, benchmark=about)
    print(
        f"wrote {len(rows)} answers of each model to {folder} in {time.time() - started:.0f} s; the base is better in "
        f"the form {better}; next: python eval/winrate.py{args.command_tail}"
    )


if __name__ == "__main__":
    cli.run(main, parse_args)
