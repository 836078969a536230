"""What is known of nine public data sets, and how their rows become rows of common/layouts.py. A library for
import_public.py.

Each fact names where it was read; the pages were read as a search index had stored them, on the day SEEN. What was not
found is None, and import_public.py says "unknown".
"""

import re
from collections.abc import Callable
from typing import NamedTuple

SEEN = "2026-11-28"
HUB = "https://huggingface.co/datasets/"
TURN = re.compile(r"\s*<extra_id_1>(User|Assistant)\n")  # between HelpSteer2's turns
OPENAI = "answers written by OpenAI's models, whose terms restrict training competing models"
LEFT_OUT = "left out"  # the kind of what gives no pair, with the reason: EQUAL or ALONE
EQUAL, ALONE = "both answers have one score", "one answer only"


class Source(NamedTuple):
    """A data set: its facts, and the function (rows) -> [(kind, row)], kind being "sft" or "dpo".

    Where rows give no pair the function has (LEFT_OUT, the reason) in its place, so that it is counted.
    """

    hub: str  # its name on the Hub
    files: tuple  # of the Hub's repository, all of which are read
    licence: str  # as the card says
    seen: str  # the page that says so
    commercial: bool | None  # whether the licence, and that of what it is made from, allows commercial use
    note: str  # what else a user has to know
    keys: tuple  # the documented schema: keys that each row has
    schema: str  # the page that documents it
    rows: int | None  # of the files, as documented
    hashes: dict  # SHA-256 of known originals -> what they are
    convert: Callable


def alpaca(rows) -> list:
    """instruction, input and output; `text`, which repeats them in a template, is left out."""
    return [("sft", {key: row[key] for key in ("instruction", "input", "output")}) for row in rows]


def dolly(rows) -> list:
    """instruction, context and response."""
    return [
        ("sft", {"instruction": row["instruction"], "input": row["context"], "output": row["response"],
                 "category": row["category"]})
        for row in rows
    ]  # fmt: skip


def transcripts(rows) -> list:
    """Two transcripts with one beginning."""
    return [("dpo", {side: row[side] for side in ("chosen", "rejected")}) for row in rows]


def orca(rows) -> list:
    """A system text, a question and two answers."""
    return [
        ("dpo", {"instruction": row["question"], "system": row["system"], "chosen": row["chosen"],
                 "rejected": row["rejected"]})
        for row in rows
    ]  # fmt: skip


def ultrafeedback(rows) -> list:
    """Two whole conversations with their scores; equal scores prefer neither."""
    keys = ("prompt", "chosen", "rejected", "score_chosen", "score_rejected")
    return [
        ("dpo", {key: row[key] for key in keys}) if row["score_chosen"] != row["score_rejected"] else (LEFT_OUT, EQUAL)
        for row in rows
    ]


def helpsteer(rows) -> list:
    """Answers graded by people: of the two answers to a prompt the more helpful one is chosen, none when equal."""
    by_prompt, made = {}, []
    for row in rows:
        by_prompt.setdefault(row["prompt"], []).append(row)
    for prompt, answers in by_prompt.items():
        best = max(answers, key=lambda row: row["helpfulness"])
        worst = min(answers, key=lambda row: row["helpfulness"])
        if best["helpfulness"] == worst["helpfulness"]:
            made.append((LEFT_OUT, EQUAL if len(answers) > 1 else ALONE))
            continue
        pieces = TURN.split(prompt)
        turns = [{"role": "user", "content": pieces[0]}] + [
            {"role": "user" if who == "User" else "assistant", "content": text}
            for who, text in zip(pieces[1::2], pieces[2::2], strict=True)
        ]
        scores = {"score_chosen": best["helpfulness"], "score_rejected": worst["helpfulness"]}
        made.append(("dpo", {"prompt": turns, "chosen": best["response"], "rejected": worst["response"], **scores}))
    return made


def oasst(rows) -> list:
    """Trees of messages: for SFT the path of best-ranked replies from each root, for DPO the best and the worst reply.

    Messages that were deleted or failed review are left out, with what answers them.
    """
    fit = [row for row in rows if not row["deleted"] and row["review_result"] is not False]
    children, made = {}, []
    for row in fit:
        children.setdefault(row["parent_id"], []).append(row)

    def rank(row):
        return float("inf") if row["rank"] is None else row["rank"]

    def walk(row, path):
        """Pairs below a prompter's message, and the best path through it."""
        path, replies = [*path, turn_of(row)], sorted(children.get(row["message_id"], ()), key=rank)
        ranked = [one for one in replies if one["rank"] is not None]
        if len(ranked) > 1:
            pair = {"prompt": path, "chosen": ranked[0]["text"], "rejected": ranked[-1]["text"]}
            made.append(("dpo", {**pair, "language": row["lang"], "cluster": row["message_tree_id"]}))
        best = path[:-1]
        for i, reply in enumerate(replies):
            asked = [walk(one, [*path, turn_of(reply)]) for one in children.get(reply["message_id"], ())]
            if i == 0:
                best = max(asked, key=len, default=[*path, turn_of(reply)])
        return best

    for root in children.get(None, ()):
        found = walk(root, [])
        if found:
            made.append(("sft", {"messages": found, "language": root["lang"], "cluster": root["message_tree_id"]}))
    return made


def turn_of(row) -> dict:
    return {"role": "assistant" if row["role"] == "assistant" else "user", "content": row["text"]}


INSTRUCTION = ("instruction", "input", "output")
DATASHEET = "https://github.com/tatsu-lab/stanford_alpaca/blob/main/datasheet.md"
SOURCES = {
    "dolly-15k": Source(
        "databricks/databricks-dolly-15k", ("databricks-dolly-15k.jsonl",), "cc-by-sa-3.0",
        f"{HUB}databricks/databricks-dolly-15k/commit/3b861f1", True,
        "share alike: what is made of the data and passed on keeps the licence; parts are from Wikipedia",
        ("instruction", "context", "response", "category"),
        "https://www.tensorflow.org/datasets/catalog/databricks_dolly", None,
        {"2df9083338b4abd6bceb5635764dab5d833b393b55759dffb0959b6fcbf794ec":
         f"{HUB}databricks/databricks-dolly-15k/commit/d8f5e5a"},
        dolly,
    ),
    "oasst1": Source(
        "OpenAssistant/oasst1", ("2023-04-12_oasst_ready.messages.jsonl.gz",), "apache-2.0",
        f"{HUB}OpenAssistant/oasst1/blob/c267a21/README.md", True, "35 languages: see --language",
        ("message_id", "parent_id", "text", "role", "lang", "deleted", "rank", "review_result", "message_tree_id"),
        f"{HUB}OpenAssistant/oasst1/blob/c267a21/README.md", 88838, {}, oasst,
    ),
    "alpaca-cleaned": Source(
        "yahma/alpaca-cleaned", ("alpaca_data_cleaned.json",), "cc-by-4.0",
        f"{HUB}yahma/alpaca-cleaned/blob/main/README.md", False,
        f"made from tatsu-lab/alpaca, whose card says cc-by-nc-4.0 ({HUB}tatsu-lab/alpaca); {OPENAI}",
        INSTRUCTION, DATASHEET, None, {}, alpaca,
    ),
    "alpaca-gpt4": Source(
        "vicgalle/alpaca-gpt4", ("data/train-00000-of-00001-6ef3991c06080e14.parquet",), "cc-by-nc-4.0",
        f"{HUB}vicgalle/alpaca-gpt4/commit/2d41984", False, OPENAI, INSTRUCTION, DATASHEET, None, {}, alpaca,
    ),
    "HelpSteer2": Source(
        "nvidia/HelpSteer2", ("train.jsonl.gz",), "cc-by-4.0", f"{HUB}nvidia/HelpSteer2/blob/791f765/README.md", True,
        "most prompts are from ShareGPT, whose own terms are unknown here",
        ("prompt", "response", "helpfulness", "correctness", "coherence", "complexity", "verbosity"),
        f"{HUB}nvidia/HelpSteer2/blob/791f765/README.md", 20324, {}, helpsteer,
    ),
    "code_alpaca": Source(
        "sahil2801/CodeAlpaca-20k", ("code_alpaca_20k.json",), "cc-by-4.0",
        f"{HUB}sahil2801/CodeAlpaca-20k/blob/152bb5e/README.md", True, OPENAI, INSTRUCTION, DATASHEET, None, {}, alpaca,
    ),
    "hh-rlhf": Source(
        "Anthropic/hh-rlhf",
        ("harmless-base/train.jsonl.gz", "helpful-base/train.jsonl.gz", "helpful-online/train.jsonl.gz",
         "helpful-rejection-sampled/train.jsonl.gz"),
        "mit", "https://github.com/anthropics/hh-rlhf/blob/354e5c3cb896/LICENSE", True,
        "holds offensive and upsetting texts; meant for research by its authors",
        ("chosen", "rejected"), "https://github.com/anthropics/hh-rlhf/blob/0398e36/README.md", None,
        {"ebfaaed21162a4de120ae85366075b34425e2a6303fac59b99555002f7016f03":
         "harmless-base/test.jsonl.gz of github.com/anthropics/hh-rlhf at 354e5c3cb896 (2,312 rows)"},
        transcripts,
    ),
    "orca_dpo_pairs": Source(
        "Intel/orca_dpo_pairs", ("orca_rlhf.jsonl",), "apache-2.0",
        f"{HUB}Intel/orca_dpo_pairs/blob/af849bf/README.md", True, OPENAI,
        ("system", "question", "chosen", "rejected"),
        "https://github.com/jondurbin/bagel/blob/main/bagel/data_sources/orca_dpo_pairs.py (the card names no key)",
        None, {}, orca,
    ),
    "ultrafeedback_binarized": Source(
        "HuggingFaceH4/ultrafeedback_binarized", ("data/train_prefs-00000-of-00001.parquet",), "mit",
        f"{HUB}HuggingFaceH4/ultrafeedback_binarized/blob/2a3fb93/README.md", True,
        f"scores by GPT-4, and some {OPENAI}",
        ("prompt", "chosen", "rejected", "score_chosen", "score_rejected"),
        f"{HUB}HuggingFaceH4/ultrafeedback_binarized/blob/2a3fb93/README.md", 61135, {}, ultrafeedback,
    ),
}  # fmt: skip
