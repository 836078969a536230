"""Preference pairs from judged samples: which two of a prompt's answers make a pair, and why a prompt gives none.

A library for gen_dpo.py: pure functions. A sample's score is the verifier's [correct, format, explanation], each 0, 1
or None, or a model's [grade], higher being better; [None] and [None, None, None] are not judged.
"""

import random
import sys
from collections import Counter
from difflib import SequenceMatcher
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common import files, rows
from common.cli import UserError
from common.layouts import read_text

HOW = ("hardest", "best_worst")
FIELDS = ("correct", "format", "explanation")
NOT_JUDGED, NONE_CORRECT, ALL_EQUAL, ALIKE = "none can be judged", "none correct", "all equal", "near-identical"
REFUSALS = "refusals beyond their share"


# --- judged samples ---------------------------------------------------------------------------------


def score(verdict, finished) -> list:
    """A sample's rank as [correct, format, explanation], each 0, 1 or None where it cannot be judged.

    An unfinished sample has rank [0, 0, 0].
    """
    if not finished:
        return [0, 0, 0]
    return [None if one is None else int(one) for one in (verdict.correct, verdict.format_ok, verdict.explanation_ok)]


def level(samples) -> list:
    """The samples again, of which format or explanation count only where they can be judged in all correct ones.

    An unknown one is neither better nor worse than another.
    """
    samples = [{**one, "score": list(one["score"])} for one in samples]
    scores = [one["score"] for one in samples if one["finished"]]
    for i in (1, 2):
        if any(one[0] and one[i] is None for one in scores):
            for one in scores:
                one[i] = None
    return samples


def rank(sample) -> list:
    """A sample's score for comparison; what cannot be judged is the same in all correct samples (see level)."""
    return [one or 0 for one in sample["score"]]


def margin_of(chosen, rejected) -> str:
    """What the pair differs in: 'correct', 'format' or 'explanation' of a verdict, or a model's 'grade'."""
    names = FIELDS if len(chosen["score"]) == len(FIELDS) else ("grade",)
    return next(name for name, a, b in zip(names, rank(chosen), rank(rejected), strict=True) if a != b)


# --- one pair ---------------------------------------------------------------------------------------


def similarity(one: str, other: str) -> float:
    """Share of the characters that two texts have in common, in order (Ratcliff and Obershelp); 1 for equal ones."""
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def make_pair(samples, how="hardest", most_alike=1.0) -> tuple:
    """((best, worse one), "") of one prompt's judged samples, or (None, the reason) without a margin.

    A margin is a difference in correctness or, among correct samples, in format or explanation; by a model's grades any
    difference. A sample that is not judged, unfinished or empty is in no pair. 'hardest' takes the two nearest texts of
    best and worse() ones, 'best_worst' the best and the worst; then the earlier samples. Length never decides. Texts
    more similar than `most_alike` make no pair.
    """
    judged = [one for one in samples if one["finished"] and one["text"].strip() and one["score"][0] is not None]
    if not judged:
        return None, NOT_JUDGED
    best = max(map(rank, judged))
    if best[0] == 0:
        return None, NONE_CORRECT
    if best == min(map(rank, judged)):
        return None, ALL_EQUAL
    chosen, rejected = [one for one in judged if rank(one) == best], worse(judged, how)
    near = {
        (i, j): similarity(one["text"], other["text"])
        for i, one in enumerate(chosen)
        for j, other in enumerate(rejected)
    }
    fit = [pair for pair in near if near[pair] <= most_alike]
    if not fit:
        return None, ALIKE
    i, j = max(fit, key=lambda pair: (near[pair] if how == "hardest" else 0, -pair[0], -pair[1]))
    return (chosen[i], rejected[j]), ""


def worse(judged, how) -> list:
    """The samples that may be rejected: the worst, or for 'hardest' all wrong ones, and by grades all below the best.

    The form of a wrong sample makes it no worse than another wrong one, so by a verdict 'hardest' does not ask for it.
    """
    best, worst = max(map(rank, judged)), min(map(rank, judged))
    if how == "hardest" and len(worst) == 1:
        return [one for one in judged if rank(one) < best]
    if how == "hardest" and not worst[0]:
        return [one for one in judged if not one["score"][0]]
    return [one for one in judged if rank(one) == worst]


def make_pairs(candidates, how, most_alike) -> tuple:
    """([(place, chosen, rejected)] of all prompts with a margin, how many prompts give none for each reason)."""
    made, dropped = [], Counter()
    for i, item in enumerate(candidates):
        pair, reason = make_pair(item["samples"], how, most_alike)
        if pair:
            made.append((i, *pair))
        else:
            dropped[item.get("reason") or reason] += 1
    return made, dropped


def to_refuse(row) -> bool:
    """Whether only a refusal is right for a prompt; UserError for one whose `refuse` is neither true nor false."""
    return rows.to_refuse(row, f"the prompt {row['id']}")


def drop_surplus_refusals(pairs, due: int, prompts: int, rng: random.Random) -> list:
    """The pairs without as many refusals, at random, as there are beyond the share that the prompts deserve.

    Among the pairs that stay at most `due` of every `prompts` choose a refusal: `due` of the `prompts` sampled are to
    be refused. An SFT model refuses rightly more often than it answers rightly, so without this the pairs would teach
    it to refuse. With too few refusals nothing is dropped.
    """
    refusals = [i for i, pair in enumerate(pairs) if pair["refuse"]]
    answered = len(pairs) - len(refusals)
    allowed = due * answered // (prompts - due) if due < prompts else len(refusals)
    dropped = set(rng.sample(refusals, max(0, len(refusals) - allowed)))
    return [pair for i, pair in enumerate(pairs) if i not in dropped]


# --- answers of other models ------------------------------------------------------------------------


def read_extra(path, prompts) -> tuple:
    """({prompt's id: samples of other models}, lines that belong to no prompt) from a JSONL file.

    Each line has `completion` and says what it answers by `prompt`, or by `prompt_id` of the same run's prompts. Raises
    UserError naming file, line and field for what is missing or no text, and when no line belongs to any prompt.
    """
    by_text, ids = {row["prompt"]: row["id"] for row in prompts}, {row["id"] for row in prompts}
    found, strange = {}, 0
    for number, line in files.numbered_rows(path):
        where = f"{path}:{number}"
        if "prompt" not in line and "prompt_id" not in line:
            raise UserError(f"{where} has neither prompt nor prompt_id; it must say what it answers.")
        if "completion" not in line:
            raise UserError(f"{where} lacks completion; each line needs it beside prompt or prompt_id.")
        text = rows.read_answer(line["completion"], where, "completion")
        if "prompt" in line:
            name = by_text.get(read_text(line["prompt"], where, "prompt"))
        elif isinstance(line["prompt_id"], (str, int, float)):
            name = line["prompt_id"] if line["prompt_id"] in ids else None
        else:
            kind = files.kind_of(line["prompt_id"])
            raise UserError(f"{where}: prompt_id is {kind}; it must be text or a number.")
        if name is None:
            strange += 1
        else:
            found.setdefault(name, []).append({"text": text, "finished": True, "tokens": None, "on_policy": False})
    if not found:
        raise UserError(f"none of the {strange} lines of {path} answers a prompt of this run; see prompt and --seed.")
    return found, strange


def is_on_policy(*samples) -> bool:
    """Whether the SFT model sampled all of these."""
    return all(one.get("on_policy", True) for one in samples)
