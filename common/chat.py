"""The one place where a prompt becomes model input, so that training, sampling, evaluation and server agree.

`prepare_tokenizer` looks once, before SFT, at what the base's chat template really does, mends what can be mended, and
refuses the rest. All that it decides is in the tokenizer that is saved beside every adapter (template, stop token, pad
token), so no later stage and no server needs a rule of its own.
"""

import json
import re
from pathlib import Path

from common import model, score
from common.cli import UserError

# Texts of the conversation by which a template is probed; no template holds them.
SYSTEM, USER = "Probe of the system.", "Probe of the user?"
ANSWERS = ("Probe of the answer.", "```sql\nSELECT 8;\n```\nProbe.", "8 probes")

# The assistant's turn ends with the base's own eos token: LoRA trains no row of the embedding, so a base that never saw
# <|im_end|> could neither read nor learn to write it as a token. In the other turns it is text to be read.
CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] }}"
    "{{ (eos_token if message['role'] == 'assistant' else '<|im_end|>') + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
MARKS_FIRST = re.compile(r"\W{1,8}\w?")  # how an answer begins that begins with no word
# Turns marked in plain text: a word in brackets, or a heading.
MARKER = re.compile(r"<<?/?[A-Za-z_]+>>?|\[/?[A-Za-z_]+\]|^#{2,} ?[A-Za-z]+:?", re.MULTILINE)
# Snippets that go before a template. Each ends with one line break, which the block before it swallows.
PINNED_DATE = "{%- macro strftime_now(format) %}1 January 2025{% endmacro %}\n"
NO_THOUGHT = "{%- set enable_thinking = false %}\n"
FOLDED_SYSTEM = (
    "{%- if messages and messages[0]['role'] == 'system' %}"
    "{%- set folded = namespace(turns=[], system=messages[0]['content']) %}"
    "{%- for message in messages[1:] %}"
    "{%- if loop.first and message['role'] == 'user' and folded.system %}"
    "{%- set text = folded.system + '\n\n' + message['content'] %}"
    "{%- set folded.turns = folded.turns + [dict(message, content=text)] %}"
    "{%- else %}{%- set folded.turns = folded.turns + [message] %}{%- endif %}"
    "{%- endfor %}"
    "{%- set messages = folded.turns %}"
    "{%- endif %}\n"
)
# A server may hand over a content as a list of parts; their texts are joined as vLLM does.
SAFE_CONTENT = (
    "{%- set safe = namespace(turns=[]) %}"
    "{%- for message in messages %}"
    "{%- set given = message['content'] %}"
    "{%- set text = given if given is string else (given or []) | map(attribute='text', default='') | join('\n') %}"
    "{%- set text = text | string@REPLACEMENTS@ %}"
    "{%- set safe.turns = safe.turns + [dict(message, content=text) if given else message] %}"
    "{%- endfor %}"
    "{%- set messages = safe.turns %}\n"
)


def messages(prompt, system: str) -> list:
    """The conversation that asks `prompt`: what is posted to /v1/chat/completions as well.

    `prompt` is the user's text, or a list of messages, which keeps a system message of its own. An empty system
    message is sent too: some templates would put one of their own in its place.
    """
    asked = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    return asked if asked[0]["role"] == "system" else [{"role": "system", "content": system}, *asked]


def render(tokenizer, prompt, system: str) -> str:
    """The text the model reads, up to and including the start of the assistant's turn."""
    if not tokenizer.chat_template:
        raise UserError(f"the tokenizer of {tokenizer.name_or_path} has no chat template; run train/sft.py first.")
    return tokenizer.apply_chat_template(messages(prompt, system), tokenize=False, add_generation_prompt=True)


def encode(tokenizer, prompt, system: str) -> list:
    """Token ids of `render`; the template writes the special tokens, so none is added here."""
    return score.completion_ids(tokenizer, render(tokenizer, prompt, system))


def answer_ids(tokenizer, answer: str) -> list:
    """Token ids of an answer as training reads it after a prompt, without the stop token.

    As the template writes it: with a blank in what spells a control token (`protect_turns`), in some templates without
    blanks around it. Where the template could not be protected, chat.json says so, and training reads the token, too.
    """
    before = tokenizer.apply_chat_template(messages(USER, SYSTEM), tokenize=False, add_generation_prompt=True)
    whole = tokenizer.apply_chat_template(answered(answer), tokenize=False)
    if not whole.startswith(before) or tokenizer.eos_token not in whole[len(before) :]:
        return score.text_ids(tokenizer, answer)  # a base's own template, which prepare_tokenizer has not looked at
    return score.completion_ids(tokenizer, whole[len(before) :].rpartition(tokenizer.eos_token)[0])


def joined(tokenizer, answers: list) -> list:
    """The places of the answers whose beginning makes one token with a prompt's end, as blanks do in some tokenizers.

    They are trained after another prompt than is asked, and scored in other tokens than they are trained in.
    """
    starts = [match and match[0] for match in map(MARKS_FIRST.match, answers)]  # the end of every prompt is the same
    found = {start for start in set(starts) - {None} if joins(tokenizer, start)}
    return [i for i, start in enumerate(starts) if start in found]


def joins(tokenizer, answer: str) -> bool:
    """Whether prompt and answer have other tokens together than one after the other."""
    whole = score.completion_ids(tokenizer, tokenizer.apply_chat_template(answered(answer), tokenize=False))
    ids = encode(tokenizer, USER, SYSTEM) + answer_ids(tokenizer, answer)
    return whole[: len(ids)] != ids


def training_rows(rows: list, system: str, columns: tuple) -> list:
    """Rows as TRL reads them: `prompt` and each of `columns` as conversations."""
    return [
        {
            "prompt": messages(row["prompt"], system),
            **{name: [{"role": "assistant", "content": row[name]}] for name in columns},
        }
        for row in rows
    ]


def stop_token_id(tokenizer) -> int:
    """The id that ends an assistant turn: what the model must learn to write.

    UserError when the template ends a turn with another token than the tokenizer's eos (`prepare_tokenizer` mends it).
    """
    if turn_end(tokenizer) != tokenizer.eos_token:
        raise UserError(
            f"the chat template of {tokenizer.name_or_path} ends a turn with {turn_end(tokenizer)!r}, not with the eos "
            f"token {tokenizer.eos_token!r}, so the model would never stop; train from the base again."
        )
    return tokenizer.eos_token_id


def prepare_tokenizer(base: str, chat_template=None) -> tuple:
    """(tokenizer, decision) for `base`; chat_template is 'chatml' or the path of a Jinja file, None the base's own.

    The decision is what chat.json holds: stop_token, stop_token_id, pad_token, pad_token_id, template (where it came
    from), changes and warnings (one sentence each). UserError, in one sentence, for a base that cannot be trained.
    """
    tokenizer = model.load_tokenizer(base)
    origin = choose_template(tokenizer, base, chat_template)
    changes = [
        said
        for change in (pin_date, fold_system, open_answer, choose_stop, stop_thought, protect_turns, choose_pad)
        if (said := change(tokenizer))
    ]
    if found := fault(tokenizer):
        raise refusal(tokenizer, found)
    check_embedding(tokenizer, base)
    decision = {
        "stop_token": tokenizer.eos_token,
        "stop_token_id": tokenizer.eos_token_id,
        "pad_token": tokenizer.pad_token,
        "pad_token_id": tokenizer.pad_token_id,
        "template": origin,
        "changes": changes,
        "warnings": [said for said in (untrained_stop(tokenizer, base, chat_template),) if said],
    }
    return tokenizer, decision


def choose_template(tokenizer, base, chat_template) -> str:
    """Set the template to start from; returns where it came from."""
    own = None if not tokenizer.chat_template else tokenizer.get_chat_template()
    if chat_template == "chatml":
        if tokenizer.eos_token is None:
            raise UserError(f"{base} has no eos token to end an answer with; give --chat_template a file instead.")
        first = tokenizer("a")["input_ids"][0]
        starts = tokenizer.bos_token_id is not None and first == tokenizer.bos_token_id
        tokenizer.chat_template = ("{{ bos_token }}" if starts else "") + CHATML
        return f"ChatML, by --chat_template, with the base's own {tokenizer.eos_token} at the end of an answer"
    if chat_template is not None:
        path = Path(chat_template)
        if not path.is_file():
            raise UserError(f"there is no chat template {path}; give --chat_template a Jinja file, or chatml.")
        try:
            tokenizer.chat_template = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise UserError(f"{path} is not UTF-8; save the chat template as UTF-8.") from None
        return f"the file {path.name}, by --chat_template"
    if own is None:
        raise UserError(
            f"{base} has no chat template, and none is invented: give --chat_template chatml, or a Jinja file."
        )
    tokenizer.chat_template = own
    return "the base's own"


def refusal(tokenizer, what) -> UserError:
    """One sentence about a template that cannot be used."""
    return UserError(
        f"the chat template of {tokenizer.name_or_path} {what}; give --chat_template another Jinja file, or chatml."
    )


def rendered(tokenizer, conversation, opened=False) -> str:
    """The conversation by the template; UserError when the template refuses it."""
    try:
        return tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=opened)
    except Exception as error:  # a template is a program of somebody else's: anything may come out of it
        said = " ".join(str(error).split()).rstrip(".")[:200]
        raise refusal(tokenizer, f"cannot be rendered ({type(error).__name__}: {said})") from None


def answered(answer: str, user: str = USER) -> list:
    """The probe with its answer."""
    return [*messages(user, SYSTEM), {"role": "assistant", "content": answer}]


def added_tokens(tokenizer) -> dict:
    """{text: id} of the tokens that are matched in a text before anything else."""
    added = {token.content: i for i, token in tokenizer.added_tokens_decoder.items()}
    return added | dict(zip(tokenizer.all_special_tokens, tokenizer.all_special_ids, strict=True))


def turn_end(tokenizer) -> str:
    """The first control token after the assistant's text; UserError when the template writes none there."""
    tail = rendered(tokenizer, answered(ANSWERS[0])).rpartition(ANSWERS[0])[2]
    found = [(tail.find(text), -len(text), text) for text in added_tokens(tokenizer) if text in tail]
    if not found:
        raise refusal(tokenizer, f"ends an answer with {tail!r}, which is no token of its own, so no model would stop")
    return min(found)[2]


def pin_date(tokenizer):
    """A template that writes today's date would give other tokens on another day (Llama 3.2)."""
    if "strftime_now" not in tokenizer.chat_template:
        return None
    tokenizer.chat_template = PINNED_DATE + tokenizer.chat_template
    return "The template writes today's date; it is kept at one day, so that all stages read the same tokens."


def fold_system(tokenizer):
    """A template without a system role gets the system text at the head of the first user turn (Gemma)."""
    try:
        if SYSTEM in tokenizer.apply_chat_template(messages(USER, SYSTEM), tokenize=False):
            return None
        why = "leaves the system message out"
    except Exception:  # the same as in rendered(); whatever else is wrong is met again below
        why = "refuses a system message"
    rendered(tokenizer, [{"role": "user", "content": USER}])
    tokenizer.chat_template = FOLDED_SYSTEM + tokenizer.chat_template
    return f"The template {why}, so its text goes before the first user's text."


def open_answer(tokenizer):
    """A template that does not open the assistant's turn gets what it writes between user's and assistant's text."""
    ask = messages(USER, SYSTEM)
    closed = rendered(tokenizer, ask)
    if closed != rendered(tokenizer, ask, opened=True):
        return None
    between = {opening(tokenizer, user, answer) for user in (USER, "Another probe.") for answer in ANSWERS}
    if len(between) > 1 or None in between:
        raise refusal(
            tokenizer, "opens no answer for the model to write, and it is not clear what it would write there"
        )
    text = between.pop()
    if not text.strip():
        return None  # the user's turn ends where the answer begins (Llama 2, Mistral)
    tokenizer.chat_template = (
        tokenizer.chat_template.removesuffix("\n")
        + "{%+ if add_generation_prompt %}{{ "
        + quoted(text)
        + " }}{% endif %}"
    )
    return f"The template opens no answer; {text!r} is added, which it writes before one."


def quoted(text: str) -> str:
    """A text as a literal in a template."""
    return json.dumps(text, ensure_ascii=False)


def opening(tokenizer, user, answer):
    """What the template writes between the end of the user's turn and the answer; None when that cannot be told."""
    closed = rendered(tokenizer, messages(user, SYSTEM))
    whole = rendered(tokenizer, answered(answer, user))
    return whole[len(closed) :].partition(answer)[0] if whole.startswith(closed) and answer in whole else None


def choose_stop(tokenizer):
    """The token that ends a turn becomes the eos token: it is trained, written to generation_config and served."""
    old, stop = tokenizer.eos_token, turn_end(tokenizer)
    if stop == old:
        return None
    tokenizer.eos_token = stop
    return f"The template ends an answer with {stop}, so that is the stop token instead of {old or 'none'}."


def stop_thought(tokenizer):
    """A template that opens a thought is asked not to, by the switch that Qwen3 has; kept where that helps."""
    own = tokenizer.chat_template
    if not fault(tokenizer) or "enable_thinking" not in own:
        return None
    tokenizer.chat_template = NO_THOUGHT + own
    if fault(tokenizer):
        tokenizer.chat_template = own
        return None
    return "The template opens a thought; its switch enable_thinking is set to false, so that answers come at once."


def fault(tokenizer):
    """What keeps a template from training and sampling on the same tokens, as the rest of a sentence; None if nothing.

    The prompt must be the beginning of the whole conversation, followed by the answer, the stop token, and nothing but
    blanks and control tokens after it, in the text as well as in the tokens.
    """
    prompt = rendered(tokenizer, messages(USER, SYSTEM), opened=True)
    if prompt.count(SYSTEM) != 1 or prompt.count(USER) != 1:
        return "does not write the system's and the user's text once each"
    if re.search(r"<[^<>/]*think[^<>]*>\s*$", prompt):
        return "opens a thought before every answer, which trained answers do not have"
    prompt_ids, stop = score.completion_ids(tokenizer, prompt), tokenizer.eos_token
    for answer in ANSWERS:
        whole = rendered(tokenizer, answered(answer))
        if not whole.startswith(prompt):
            return "writes the prompt in another way once an answer follows, so it would not be trained as it is asked"
        before, _, after = whole[len(prompt) :].partition(answer)
        rest = after.strip().removeprefix(stop)
        for token in added_tokens(tokenizer):
            rest = rest.replace(token, "")
        if before.strip() or rest.strip() or not after.strip().startswith(stop):
            return f"writes {(before.strip() or after)!r} around an answer, not the answer and {stop}"
        ids = prompt_ids + score.completion_ids(tokenizer, answer) + [tokenizer.eos_token_id]
        if score.completion_ids(tokenizer, whole)[: len(ids)] != ids:
            return "joins prompt, answer and stop token in such a way that their tokens change"
    return None


def markers(tokenizer) -> set:
    """What the template marks turns with in plain text: [INST] and <<SYS>> of Llama 2, which has no tokens for them."""
    scaffold = rendered(tokenizer, answered(ANSWERS[0]))
    for text in (SYSTEM, USER, ANSWERS[0]):
        scaffold = scaffold.replace(text, "\n")
    return {text.strip() for text in MARKER.findall(scaffold)}


def control_texts(tokenizer) -> list:
    """Texts that must not stand in a message: what marks turns, as a token or in plain text, '<|' standing for many."""
    scaffold = rendered(tokenizer, answered(ANSWERS[0]))
    known = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
    in_turns = {text for text in added_tokens(tokenizer) if text in scaffold}
    written = {text for text in known if text in tokenizer.chat_template}
    texts = set(tokenizer.all_special_tokens) | in_turns | written | markers(tokenizer)
    if "<|" in scaffold or any(text.startswith("<|") for text in texts):
        texts = {text for text in texts if "<|" not in text} | {"<|"}
    return sorted(text for text in texts if len(text) > 1)


def protect_turns(tokenizer):
    """Text in a message that spells what marks a turn gets a blank after its first character: it can forge none.

    In the template, so that the server's chat route does the same. Left out where it would change anything else.
    """
    own, texts = tokenizer.chat_template, control_texts(tokenizer)
    harmless = [rendered(tokenizer, answered(answer)) for answer in ANSWERS]
    replacements = "".join(f" | replace({quoted(text)}, {quoted(text[0] + ' ' + text[1:])})" for text in texts)
    tokenizer.chat_template = SAFE_CONTENT.replace("@REPLACEMENTS@", replacements) + own
    try:
        kept = [rendered(tokenizer, answered(answer)) for answer in ANSWERS] == harmless and not forged(tokenizer)
    except UserError:
        kept = False
    if kept:
        shown = ", ".join(f"{text[0]} {text[1:]}" for text in texts)
        return f"What marks a turn is written with a blank in a message ({shown}), so no text can forge a turn."
    tokenizer.chat_template = own
    return "The template cannot be kept from reading control tokens in a message: a user's text can forge a turn."


def forged(tokenizer) -> bool:
    """Whether control tokens and other markers of turns come out as such where they are written into a message."""
    added, texts = added_tokens(tokenizer), control_texts(tokenizer)

    def controls(user, system, answer):
        text = rendered(tokenizer, [*messages(user, system), {"role": "assistant", "content": answer}])
        tokens = sum(i in set(added.values()) for i in score.completion_ids(tokenizer, text))
        return tokens, [text.count(one) for one in texts]

    attack = "a".join([*(text for text in added if any(part in text for part in texts)), *texts])
    plain = controls(USER, SYSTEM, ANSWERS[0])
    return any(
        controls(*texts) != plain
        for texts in ((attack, SYSTEM, ANSWERS[0]), (USER, attack, ANSWERS[0]), (USER, SYSTEM, attack))
    )


def choose_pad(tokenizer):
    """The base's own pad token, else its unknown token, else the stop token. trl masks padding by its place, so a
    stop token that is also the pad token is trained all the same (tests/test_bases.py)."""
    if tokenizer.pad_token is not None:
        return None
    spare = tokenizer.unk_token not in (None, tokenizer.eos_token)
    tokenizer.pad_token = tokenizer.unk_token if spare else tokenizer.eos_token
    return f"There was no pad token; {tokenizer.pad_token} pads, which is masked by its place."


def check_embedding(tokenizer, base):
    """UserError when the tokenizer has ids that the model has no row for."""
    rows = model.embedding_rows(base)
    largest = max(tokenizer.get_vocab().values())
    if rows is not None and largest >= rows:
        raise UserError(
            f"the tokenizer of {base} has ids up to {largest}, its embedding only {rows} rows; take the tokenizer that "
            "belongs to the model, or resize the embedding first."
        )


def untrained_stop(tokenizer, base, chat_template):
    """A warning when the stop token's row of the embedding looks as if the base had never been trained on it."""
    if chat_template == "chatml" or not model.row_looks_untrained(base, tokenizer.eos_token_id):
        return None
    return (
        f"The base seems never to have been trained on {tokenizer.eos_token}, whose row of the embedding LoRA does not "
        "train either: answers may not end; --chat_template chatml ends them with the base's own eos token."
    )
