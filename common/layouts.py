"""The formats in which people keep training rows, told by their keys, and each of them in the project's own keys."""

import re
from collections.abc import Callable
from typing import NamedTuple

from common import files
from common.cli import UserError

SPEAKERS = {"human": "user", "gpt": "assistant"}  # ShareGPT's names of the roles
TURN = re.compile(r"\n\n(Human|Assistant):[ \t]?")  # how hh-rlhf marks a turn
# Other names that people give to prompt and completion; a file that has them is told how to rename them.
ALIASES = {
    "prompt": ("question", "query", "instruction", "input", "user", "text"),
    "completion": ("answer", "response", "output", "target", "reply", "assistant"),
}
PASSAGES = ("input", "context")  # names of what a question is about, kept apart from it
TRUTHS = ("true", "false", "0", "1")  # as a table spells them


class Layout(NamedTuple):
    """A format: its name, the keys that each of its rows has, and the function (row, where) -> rows in our keys."""

    name: str
    keys: tuple
    ours: Callable


def read_text(value, where, field) -> str:
    """A text that is not blank; UserError naming the field for anything else."""
    if not isinstance(value, str) or not value.strip():
        raise UserError(f"{where}: {field} is {files.kind_of(value)}; it must be text that is not empty.")
    return value


def asked(row, where):
    """(prompt, the row without its parts) of Alpaca's instruction, input and system; a prompt as read_prompt takes."""
    if row.get("history"):
        raise UserError(f"{where} has a history, which Alpaca's format keeps apart; write the row as messages.")
    parts = [row["instruction"]] + ([row["input"]] if row.get("input") else [])
    names = ("instruction", "input")
    text = "\n\n".join(read_text(part, where, name) for part, name in zip(parts, names, strict=False))
    others = {key: value for key, value in row.items() if key not in (*names, "history", "system")}
    return (with_system(row, as_user(text), where) if row.get("system") else text), others


def with_system(row, messages, where):
    """Messages after the row's own system text, when it has one beside them; what is no list, as it is.

    UserError when they begin with another system text.
    """
    said = row.get("system")
    if not said or not isinstance(messages, list):
        return messages
    first = messages[0] if messages and isinstance(messages[0], dict) else {}
    if first.get("role", first.get("from")) != "system":
        return [{"role": "system", "content": said}, *messages]
    if first.get("content", first.get("value")) != said:
        raise UserError(f"{where} has a system text beside messages that begin with another one; keep one of them.")
    return messages


def as_user(prompt):
    """A text as the user's message; anything else as it is."""
    return [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt


def from_alpaca(row, where) -> list:
    """instruction, input and output."""
    prompt, others = asked(row, where)
    answer = read_text(others.pop("output"), where, "output")
    return [{**others, "prompt": prompt, "completion": answer}]


def from_self_instruct(row, where) -> list:
    """instruction and instances, each with input and output: a row for each instance."""
    if not isinstance(row["instances"], list) or not all(isinstance(one, dict) for one in row["instances"]):
        raise UserError(f"{where}: instances is {files.kind_of(row['instances'])}; it must be a list of objects.")
    others = {key: value for key, value in row.items() if key != "instances"}
    made = []
    for i, one in enumerate(row["instances"]):
        if "output" not in one:
            raise UserError(f"{where}: instances[{i}] lacks output; it has {', '.join(one) or 'no key'}.")
        made += from_alpaca({**others, "input": one.get("input"), "output": one["output"]}, f"{where}: instances[{i}]")
    return made


def from_sharegpt(row, where) -> list:
    """conversations, and a system text beside them."""
    others = {key: value for key, value in row.items() if key not in ("conversations", "system")}
    return [{**others, "messages": with_system(row, row["conversations"], where)}]


def from_sharegpt_pair(row, where) -> list:
    """conversations with two answers to the last of them."""
    sides = {side: as_list(row[side]) for side in ("chosen", "rejected")}
    made = from_sharegpt({**row, **sides}, where)[0]
    return [{"prompt": made.pop("messages"), **made}]


def from_alpaca_pair(row, where) -> list:
    """instruction and input with two answers."""
    prompt, others = asked(row, where)
    return [{**others, "prompt": prompt}]


def from_pair(row, where) -> list:
    """prompt, chosen and rejected; without prompt whole conversations, as messages or as hh-rlhf's transcripts."""
    prompt, sides = row.get("prompt"), {side: row[side] for side in ("chosen", "rejected")}
    if prompt is None and all(isinstance(text, str) and TURN.match(text) for text in sides.values()):
        sides = {side: from_transcript(text) for side, text in sides.items()}
    sides = {side: as_list(value) for side, value in sides.items()}
    others = {key: value for key, value in row.items() if key != "system"}
    if not row.get("system"):
        return [{**others, **sides}]
    if all(isinstance(value, list) and len(value) > 1 for value in sides.values()):  # they begin with the prompt
        sides = {side: with_system(row, value, where) for side, value in sides.items()}
        if isinstance(prompt, str):
            return [{**others, **sides}]
    return [{**others, "prompt": with_system(row, as_user(prompt), where), **sides}]


def from_transcript(text: str) -> list:
    """The messages of a text in which a blank line and 'Human:' or 'Assistant:' begin each turn."""
    pieces, turns = TURN.split(text)[1:], []
    for who, said in zip(pieces[::2], pieces[1::2], strict=True):
        role = "user" if who == "Human" else "assistant"
        if turns and turns[-1]["role"] == role:  # a word of the text itself, or a turn that was cut in two
            turns[-1]["content"] += f"\n\n{said.strip()}"
        else:
            turns.append({"role": role, "content": said.strip()})
    return turns


def as_list(value):
    """One message as a list of it."""
    return [value] if isinstance(value, dict) else value


def as_it_is(row, where) -> list:
    """prompt and completion, or messages, after the system text beside them."""
    others = {key: value for key, value in row.items() if key != "system"}
    if not row.get("system"):
        return [others]
    if "prompt" in row and "completion" in row:
        return [{**others, "prompt": with_system(row, as_user(row["prompt"]), where)}]
    return [{**others, "messages": with_system(row, row["messages"], where)}]


ANSWERS = (
    Layout("prompt and completion", ("prompt", "completion"), as_it_is),
    Layout("messages", ("messages",), as_it_is),
    Layout("ShareGPT's conversations", ("conversations",), from_sharegpt),
    Layout("Alpaca's instruction and output", ("instruction", "output"), from_alpaca),
    Layout("self-instruct's instances", ("instruction", "instances"), from_self_instruct),
)
PAIRS = (
    Layout(
        "ShareGPT's conversations with chosen and rejected", ("conversations", "chosen", "rejected"), from_sharegpt_pair
    ),
    Layout("Alpaca's instruction with chosen and rejected", ("instruction", "chosen", "rejected"), from_alpaca_pair),
    Layout("prompt, chosen and rejected", ("chosen", "rejected"), from_pair),
)


def layout_of(row: dict, layouts: tuple):
    """The first of the layouts whose keys the row has, or None."""
    return next((one for one in layouts if all(key in row for key in one.keys)), None)


def recognise(found: list, layouts: tuple, path) -> Layout:
    """The one layout of all rows [(where, name, row)], of ANSWERS or of PAIRS.

    UserError in one sentence for a file of another kind (what it resembles and which keys are missing), for one in
    which formats are mixed, and for a row that lacks a key.
    """
    where, _, first = found[0]
    layout, pair = layout_of(first, layouts), layout_of(first, PAIRS)
    if layout is None or (layout is not pair and pair and set(layout.keys) < set(pair.keys)):
        raise UserError(unfit(first, where, layouts, path))
    # A table has texts only: they are KTO's labels where each row has one.
    labels = [row.get("label") for _, _, row in found]
    spelled = layouts is ANSWERS and all(isinstance(one, str) and one.strip().lower() in TRUTHS for one in labels)
    for there, _, row in found:
        missing = [key for key in layout.keys if key not in row]
        if isinstance(row.get("label"), bool) or spelled:
            raise UserError(
                f"{there} has an answer with a label, as KTO takes; leave only good answers, without it, or give pairs."
            )
        if not missing:
            continue
        other = layout_of(row, ANSWERS + PAIRS)
        if other:
            raise UserError(
                f"{path} mixes formats: {where} has {layout.name}, {there} has {other.name}; make a file of each."
            )
        raise UserError(f"{there} lacks {', '.join(missing)}; {where} has {', '.join(layout.keys)}, so each row must.")
    return layout


def renaming(row) -> str:
    """What data/convert.py --rename needs for a prompt and completion under other names; empty for any other row.

    Alpaca's names where there is a passage beside the question, for which they have a place. A passage for which there
    is none is named.
    """
    asked, answer = (
        new if new in row else next((old for old in olds if old in row), None) for new, olds in ALIASES.items()
    )
    if not asked or not answer:
        return ""
    passages = [name for name in PASSAGES if name in row and name != asked]
    pairs = [(asked, "instruction"), (answer, "output"), *((name, "input") for name in passages[:1])]
    if passages and not any(new in row for old, new in pairs if old != new):
        lost = passages[1:]
    else:
        pairs, lost = [(asked, "prompt"), (answer, "completion")], passages
    given = " ".join(f"{old}={new}" for old, new in pairs if old != new)
    return given + (f", which leaves out {' and '.join(lost)}" if lost else "")


def unfit(row, where, layouts, path) -> str:
    """One sentence about a first row that is in none of the layouts."""
    wanted = "; ".join(one.name for one in layouts)
    other = layout_of(row, PAIRS if layouts is ANSWERS else ANSWERS)
    if other and layouts is PAIRS:
        return (
            f"{path} has one answer a row ({other.name}), and DPO learns from two: give a file with {wanted}; "
            "train/sft.py takes this one."
        )
    if other:
        return f"{path} has pairs ({other.name}), which train/dpo.py takes; SFT needs one answer a row: {wanted}."
    has = ", ".join(map(str, row)) or "no key"
    if layouts is ANSWERS and (given := renaming(row)):
        return (
            f"{where} resembles prompt and completion under other names (it has {has}); run python data/convert.py "
            f"{path} NEW.jsonl --rename {given}."
        )
    near = max(layouts, key=lambda one: sum(key in row for key in one.keys) / len(one.keys))
    missing = [key for key in near.keys if key not in row]
    if len(missing) < len(near.keys):
        return f"{where} resembles {near.name} and lacks {', '.join(missing)} (it has {has}); known are: {wanted}."
    return f"{where} has {has}, which is none of the formats known here: {wanted}."
