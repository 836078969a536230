"""The teacher that is a model: which prompts it gets, and how its answers become rows.

A library for gen_sft.py. Item number i of a run is asked for by a prompt that follows from the seed, i and, for methods
that build on earlier rows, the rows of earlier rounds. So a run that was killed goes on with the ledger's answers and
ends with the same rows.
"""

import asyncio
import math
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common import cli, llm, paid
from common.ledger import digest, find_price

METHODS = ("grid", "self_instruct", "evol")
ROUND = 200  # items; a method that builds on rows sees those of earlier rounds
EXAMPLES = 3  # rows that self_instruct shows
NEEDED = ("VERSION", "SYSTEM", "SCHEMA", "MAX_TOKENS", "QUESTIONS", "TOPICS", "KINDS", "LEVELS", "EVOLVE", "describe",
          "make_rows")  # fmt: skip


def load_teacher(args, domain):
    """The domain's prompts for a model; UserError when it has none."""
    teacher = getattr(domain, "teacher", None)
    missing = [name for name in NEEDED if not hasattr(teacher, name)]
    if missing:
        raise cli.UserError(
            f"the domain {args.domain} cannot be taught by a model: its `teacher` lacks {', '.join(missing)} (see "
            "'Your own domain' in README.md); use --teacher templates."
        )
    return teacher


# --- prompts ----------------------------------------------------------------------------------------


def cell(teacher, seed: int, number: int) -> tuple:
    """(topic, level, kinds, lap) of an item: every topic at every level once in each lap, every kind equally often."""
    cells = [(topic, level) for topic in teacher.TOPICS for level in teacher.LEVELS]
    random.Random(f"cells {seed}").shuffle(cells)
    lap, place = divmod(number, len(cells))
    deck = list(teacher.KINDS)
    random.Random(f"kinds {seed} {lap}").shuffle(deck)
    kinds = [deck[(place * teacher.QUESTIONS + j) % len(deck)] for j in range(teacher.QUESTIONS)]
    return *cells[place], kinds, lap


def prompt(teacher, args, number: int, pool: list) -> tuple:
    """(user message, topic, parent row or None) of an item."""
    topic, level, kinds, lap = cell(teacher, args.seed, number)
    rng = random.Random(f"{args.method} {args.seed} {number}")
    asked = "\n".join(f"{i}. {kind}: {teacher.KINDS[kind]}" for i, kind in enumerate(kinds, 1))
    if args.method == "grid":
        unlike = f"\nThis is number {lap + 1} of its topic and difficulty: be unlike the obvious." if lap else ""
        text = f"Topic: {topic}.\nDifficulty: {level} ({teacher.LEVELS[level]}).{unlike}\nQuestions:\n{asked}"
        return text, topic, None
    if args.method == "self_instruct":
        examples = rng.sample(pool, min(EXAMPLES, len(pool)))
        seen = "\n\n".join(teacher.describe(row) for row in examples)
        text = f"These exist already:\n\n{seen}\n\nInvent another, of a subject and in words unlike these."
        text += f"\nQuestions:\n{asked}"
        return text, "self_instruct", None
    parent = rng.choice(pool)
    way = list(teacher.EVOLVE)[number % len(teacher.EVOLVE)]
    text = (
        f"This exists already:\n\n{teacher.describe(parent)}\n\nMake one harder question of it, and one only. "
        f"{teacher.EVOLVE[way]} Keep what else there is, as far as the new question allows."
    )
    return text, parent.get("family", "evol"), parent


def is_evolved(row: dict, parent: dict) -> bool:
    """Whether question and answer (where a row has a query: the query) both differ from the parent's.

    White space, case and a last semicolon make no difference. Otherwise the evolution failed: it taught nothing new.
    """
    return not any(
        _folded(row.get(name) or row[whole]) == _folded(parent.get(name) or parent[whole])
        for name, whole in (("question", "prompt"), ("gold", "completion"))
    )


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold().rstrip("; ")


def request(teacher, args, number: int, text: str) -> llm.Request:
    """The request of an item."""
    return llm.Request(teacher.SYSTEM, text, teacher.SCHEMA, args.teacher_max_tokens or teacher.MAX_TOKENS, number)


# --- one item ---------------------------------------------------------------------------------------


class Item(paid.Asked):
    """What one item brought: rows with the reason why each is unfit, and what its requests took."""

    def __init__(self):
        super().__init__()
        self.rows = []


async def make_item(model, teacher, args, number, pool, unfit) -> Item:
    """Ask for an item, build its rows, check each, and have other answers agree."""
    text, topic, parent = prompt(teacher, args, number, pool)
    item = Item()
    reply = await item.ask(model, request(teacher, args, number, text))
    if reply.data is None:
        item.rows.append(({"id": f"taught-{number:06d}", "prompt": "", "completion": ""}, reply.reason))
        return item
    for i, (row, reason) in enumerate(await asyncio.to_thread(teacher.make_rows, reply.data, topic)):
        row |= {
            "id": f"taught-{number:06d}-{i}",
            "seed_id": parent["id"] if parent else None,
            "teacher": model.spec.name,
            "date": reply.date,
            "method": args.method,
            "prompt_version": teacher.VERSION,
            "seed": args.seed,
            "agreement": None,
        }
        reason = reason or ("" if parent is None or is_evolved(row, parent) else "not evolved")
        reason = reason or await asyncio.to_thread(unfit, row)
        if not reason and args.agree > 1 and hasattr(teacher, "solve"):
            row["agreement"], reason = await agreement(item, model, teacher, args, row)
        item.rows.append((row, reason))
    return item


async def agreement(item, model, teacher, args, row) -> tuple:
    """(The share that agrees with the row, the reason against it or '') of args.agree - 1 independent answers.

    An answer that never came says nothing of the row; when none came the share is None and the row is not checked.
    """
    agreed, missing, text = [], [], teacher.solve(row)
    most = min(teacher.SOLVE_TOKENS, args.teacher_max_tokens or teacher.SOLVE_TOKENS)
    for number in range(args.agree - 1):
        reply = await item.ask(model, llm.Request(teacher.SOLVE_SYSTEM, text, teacher.SOLVE_SCHEMA, most, number))
        if reply.data is None:
            missing.append(reply.reason)
        else:
            agreed.append(await asyncio.to_thread(teacher.agrees, row, reply.data))
    if not agreed:
        return None, f"not checked: {missing[0]}"
    share = round(sum(agreed) / len(agreed), 3)
    return share, "" if share >= 0.5 else "other answers disagree"


# --- the run ----------------------------------------------------------------------------------------


def teach(domain, args, first: list, unfit, choose) -> tuple:
    """(rows, reasons, totals): the `first` (row, reason) pairs and the model's, until `choose` keeps args.n rows.

    unfit(row) is the reason against a row or ''; choose(rows, reasons) gives the rows kept. None after --dry_run.
    """
    teacher, spec = load_teacher(args, domain), llm.parse_spec(args.teacher)
    if args.method == "evol" and all(reason for _, reason in first):
        raise cli.UserError(
            f"--method evol has no row to begin with: no seed of the domain {args.domain} is fit; mend the seeds, or "
            "use --method grid."
        )
    if args.dry_run:
        show_prompts(teacher, args, spec, [row for row, _ in first])
        return None
    return asyncio.run(_teach(teacher, args, spec, first, unfit, choose))


def settings_of(teacher, args, spec, first) -> dict:
    """The settings that decide the answers: another value is another run.

    A method that builds on rows shows the seeds (`first`, rows with the reason against each) to the model.
    """
    names = ("domain", "seed", "method", "agree", "teacher_temperature", "teacher_effort", "teacher_max_tokens")
    shown = {} if args.method == "grid" else {"seeds": digest(first)[:16]}
    return {
        "teacher": spec.name,
        "prompt_version": teacher.VERSION,
        **shown,
        **{name: getattr(args, name) for name in names},
    }


def show_prompts(teacher, args, spec, seeds):
    """--dry_run: two prompts and the highest cost."""
    print(f"--- system (the same for every request)\n{teacher.SYSTEM}")
    for number in (0, 1):
        print(f"--- user, item {number}\n{prompt(teacher, args, number, seeds)[0]}")
    asked = request(teacher, args, 0, prompt(teacher, args, 0, seeds)[0])
    price = find_price(spec.name, not spec.urls, args.price)
    items = max(1, math.ceil((args.n - len(seeds)) / teacher.QUESTIONS))
    most = f"at most {paid.shown(llm.highest_cost(price, asked) * items)}" if price else "of unknown cost (no price)"
    print(
        f"--- nothing was asked; {items} items if every answer is fit, {most} for them, and {max(0, args.agree - 1)} "
        "short answers to check each row. A run begins with a pilot that estimates what it will really cost."
    )


async def _teach(teacher, args, spec, first, unfit, choose):
    ledger = paid.open_ledger(args, settings_of(teacher, args, spec, first))
    model = paid.open_model(args, "teacher", spec, ledger)
    found, items = first, []
    had = have = len(choose(*zip(*first, strict=True)))
    progress = paid.Progress(model, args.n, have)
    try:
        gate = asyncio.Semaphore(2 * model.workers)
        while have < args.n and len(items) < 10 * args.n + 100:
            numbers = range(len(items), len(items) + wave(args, items, have - had, args.n - have))
            earlier = items[: len(items) // ROUND * ROUND]
            pool = [row for row, reason in first + [pair for item in earlier for pair in item.rows] if not reason]
            jobs = [one(gate, progress, model, teacher, args, number, pool, unfit) for number in numbers]
            items += await llm.gather(model, jobs)
            found = first + [pair for item in items for pair in item.rows]
            have = len(choose(*zip(*found, strict=True)))
            if len(items) == len(numbers) and have < args.n:
                progress.bar.clear()
                ask_to_go_on(args, model, items, have)
        return *zip(*found, strict=True), ledger.totals()
    finally:
        progress.close()
        await model.close()
        ledger.close()


async def one(gate, progress, model, teacher, args, number, pool, unfit):
    """One item, when it is its turn."""
    async with gate:
        item = await make_item(model, teacher, args, number, pool, unfit)
    bad = [reason for _, reason in item.rows if reason]
    progress.add(len(item.rows) - len(bad), bad)
    return item


def wave(args, items, kept, needed) -> int:
    """How many items to ask for next: the pilot, then what the share kept so far says, at most to the round's end."""
    size = args.pilot
    if items:
        size = math.ceil(1.03 * needed / max(0.1, kept / len(items))) + 1
    return size if args.method == "grid" else min(size, ROUND - len(items) % ROUND)


def ask_to_go_on(args, model, items, have):
    """paid.ask_to_go_on() for the rows still to be made; UserError when the pilot gave none."""
    yields = [sum(not reason for _, reason in item.rows) for item in items]
    if not any(yields):
        reasons = sorted({reason for item in items for _, reason in item.rows})
        raise cli.UserError(f"none of the {len(items)} answers of the pilot gave a row ({'; '.join(reasons)[:300]}).")
    more = args.n - have
    told = f"pilot: {len(items)} items gave {sum(yields)} rows; {more} more are to be made."
    paid.ask_to_go_on(args, model, items, yields, more, told, "Duplicates grow with the number of rows.")
