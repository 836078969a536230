"""Training rows of any file as one form: the project's own, TRL's as TRL reads it, Alpaca's, ShareGPT's and others.

A row read here has `prompt` (the user's text, or a list of messages when it is more than that) and one text for each
answer. common/chat.py turns both kinds of prompt into model input.
"""

import json
from collections import Counter

from common import files
from common.cli import UserError
from common.layouts import ANSWERS, PAIRS, SPEAKERS, read_text, recognise
from common.tables import own_rows

ROLES = ("system", "user", "assistant")
# What TRL hands to the chat template beside the messages; a row that has it would be trained on without it here.
UNREAD = ("tools", "images", "image", "chat_template_kwargs")
SAME = "chosen and rejected are the same"
GROUPS = ("cluster", "schema_id")  # what may say that rows belong together
TO_REFUSE = {None: False, "": False, False: False, "false": False, True: True, "true": True}


def to_refuse(row, where) -> bool:
    """Whether only a refusal is right, by the row's `refuse`; UserError for one that is neither true nor false.

    The columns of a table are text: there true and false count in any case, and an empty cell as none.
    """
    said = row.get("refuse")
    known = said.strip().lower() if isinstance(said, str) else said
    if isinstance(known, (list, dict)) or known not in TO_REFUSE:
        raise UserError(f"{where} has refuse {said!r}; it must be true or false, or left out.")
    return TO_REFUSE[known]


def read_examples(path, made_by: str = "") -> list:
    """Rows with id, prompt and completion for SFT, other keys as they are, of a file in any format of ANSWERS.

    A conversation gives a row for each of the assistant's turns, so that every turn is trained once. Raises UserError
    naming file, row and field for what is missing, empty, no text or of another role.
    """
    return examples_of(own_rows(path, made_by), path)


def examples_of(found: list, path) -> list:
    """read_examples of rows [(where, name, row)] that were read already."""
    layout, made = recognise(found, ANSWERS, path), []
    for where, name, row in found:
        check_unread(row, where)
        parts = [part for one in layout.ours(row, where) for part in answers_in(one, where, layout.keys[0])]
        for i, part in enumerate(parts):
            made.append({**part, "id": name if len(parts) == 1 else f"{name}#{i + 1}"})
    return made


def answers_in(row, where, field) -> list:
    """Rows with prompt and completion of one that has these or messages; `field` is what its format calls the last."""
    if "prompt" in row and "completion" in row:
        prompt, completion = read_prompt(row["prompt"], where), read_answer(row["completion"], where, "completion")
        return [{**row, "prompt": prompt, "completion": completion}]
    others = {key: value for key, value in row.items() if key != "messages"}
    turns = read_turns(row["messages"], where, field)
    return [{**others, "prompt": prompt, "completion": completion} for prompt, completion in turns]


def read_pairs(path, made_by: str = "") -> tuple:
    """(rows with id, prompt, chosen and rejected for DPO, how many pairs were left out because both are the same).

    Takes a file in any format of PAIRS; without a prompt it is what the conversations in chosen and rejected begin
    with. Raises UserError as read_examples, and when no pair is left.
    """
    return pairs_of(own_rows(path, made_by), path)


def pairs_of(found: list, path) -> tuple:
    """read_pairs of rows [(where, name, row)] that were read already."""
    layout, made, same = recognise(found, PAIRS, path), [], 0
    for where, name, row in found:
        check_unread(row, where)
        pair = read_pair(layout.ours(row, where)[0], where)
        if pair["chosen"].strip() == pair["rejected"].strip():
            same += 1
        else:
            made.append({**pair, "id": name})
    if not made:
        raise UserError(f"{path}: {SAME} in all {same} pairs; there is nothing to learn.")
    return made, same


def fit_rows(found: list, path, pairs: bool) -> tuple:
    """(the rows that pairs_of or examples_of take, {reason: how many others}) of rows [(where, name, row)]."""
    made, out = [], Counter()
    for one in found:
        try:
            made += pairs_of([one], path)[0] if pairs else examples_of([one], path)
        except UserError as error:
            said = str(error).removeprefix(one[0]).removeprefix(str(path)).lstrip(": ")
            out[SAME if SAME in said else said.split(";")[0].split(" (")[0]] += 1
    return made, out


def read_pair(row, where) -> dict:
    """The row with its prompt and two answers as they are trained."""
    row = split_shared(row, where)
    if row.get("prompt") is None:
        raise UserError(f"{where} lacks prompt; each row needs it beside chosen and rejected.")
    sides = {side: read_answer(row[side], where, side) for side in ("chosen", "rejected")}
    return {**row, "prompt": read_prompt(row["prompt"], where), **sides}


def check_unread(row, where):
    """UserError for what would have to reach the chat template and cannot."""
    found = [key for key in UNREAD if row.get(key)]
    if found:
        raise UserError(f"{where} has {', '.join(found)}, which cannot be trained on here; remove it or the line.")


def read_messages(value, where, field) -> list:
    """A list of messages as [{"role", "content"}]; UserError for another role, an empty text, or no list of messages.

    ShareGPT's from and value stand for role and content. A system message comes first and may be empty.
    """
    if not isinstance(value, list) or not value:
        raise UserError(f"{where}: {field} is {files.kind_of(value)}; it must be a list of messages.")
    made = []
    for i, message in enumerate(value):
        at = f"{field}[{i}]"
        if not isinstance(message, dict):
            raise UserError(f"{where}: {at} is {files.kind_of(message)}; a message has role and content.")
        role, content = message.get("role", message.get("from")), message.get("content", message.get("value"))
        role = SPEAKERS.get(role, role) if isinstance(role, str) else role
        if role not in ROLES or (role == "system") > (i == 0):
            raise UserError(f"{where}: {at}.role is {role!r}; it must be user or assistant, or system in the first.")
        if message.get("tool_calls"):
            raise UserError(f"{where}: {at} has tool_calls, which cannot be trained on here; remove the line.")
        if not (role == "system" and content == ""):
            content = read_text(content, where, f"{at}.content")
        made.append({"role": role, "content": content})
    return made


def read_prompt(value, where):
    """A prompt: text, or messages that end with the user's."""
    if not isinstance(value, list):
        return read_text(value, where, "prompt")
    messages = read_messages(value, where, "prompt")
    if messages[-1]["role"] != "user":
        raise UserError(f"{where}: prompt ends with a message of the {messages[-1]['role']}; it must be the user's.")
    return as_prompt(messages)


def read_answer(value, where, field) -> str:
    """An answer: text, or a list of one assistant message."""
    if not isinstance(value, list):
        return read_text(value, where, field)
    messages = read_messages(value, where, field)
    if [message["role"] for message in messages] != ["assistant"]:
        raise UserError(
            f"{where}: {field} has {len(messages)} messages ({', '.join(m['role'] for m in messages)}); it must be one "
            "of the assistant, and what comes before it belongs into prompt."
        )
    return messages[0]["content"]


def read_turns(value, where, field) -> list:
    """[(prompt, answer)] for each of the assistant's turns in a conversation."""
    messages = read_messages(value, where, field)
    places = [i for i, message in enumerate(messages) if message["role"] == "assistant"]
    if not places or places[-1] != len(messages) - 1:
        raise UserError(f"{where}: {field} must end with a message of the assistant, which is what is trained.")
    for i in places:
        if i == 0 or messages[i - 1]["role"] != "user":
            raise UserError(f"{where}: {field}[{i}] is of the assistant and does not follow a message of the user.")
    return [(as_prompt(messages[:i]), messages[i]["content"]) for i in places]


def as_prompt(messages):
    """Messages as a prompt: one of the user is the same as its text."""
    return messages[0]["content"] if len(messages) == 1 else messages


def split_shared(row, where) -> dict:
    """A pair whose chosen and rejected are whole conversations, with what both begin with as its prompt."""
    sides = [row["chosen"], row["rejected"]]
    if not all(isinstance(side, list) and len(side) > 1 for side in sides):
        return row
    chosen, rejected = (read_messages(row[name], where, name) for name in ("chosen", "rejected"))
    shared = 0
    while shared < min(len(chosen), len(rejected)) - 1 and chosen[shared] == rejected[shared]:
        shared += 1
    prompt = chosen[:shared]
    given = row.get("prompt")
    if given is not None and given not in (prompt, prompt[-1]["content"] if prompt else None):
        raise UserError(f"{where}: prompt is not what chosen and rejected begin with; keep it in one of the places.")
    return {**row, "prompt": prompt, "chosen": chosen[shared:], "rejected": rejected[shared:]}


def group_pairs(rows: list, by: tuple = GROUPS) -> list:
    """The group of each row, a sortable label: rows with one prompt, or one value of a key in `by`, are together."""
    leader = {}

    def find(key):
        while leader.setdefault(key, key) != key:
            leader[key] = key = leader[leader[key]]
        return key

    own = [(len(GROUPS), json.dumps(row["prompt"], sort_keys=True)) for row in rows]
    for prompt, row in zip(own, rows, strict=True):
        find(prompt)
        for rank, name in enumerate(by):
            if row.get(name) is not None:
                leader[find(prompt)] = find((rank, json.dumps(row[name])))
    members = {}
    for key in sorted(leader):
        members.setdefault(find(key), key)  # the smallest of a group is its label, in whatever order the rows come
    return [members[find(prompt)] for prompt in own]
