"""The one place where a prompt becomes model input, so that training, sampling, evaluation and server agree.

The tokenizer's own chat template is used and never replaced; the tokenizer is saved beside every adapter.
"""

from common.cli import UserError


def messages(prompt: str, system: str) -> list:
    """The conversation that asks `prompt`: what is posted to /v1/chat/completions as well."""
    return [{"role": "system", "content": system}, {"role": "user", "content": prompt}]


def render(tokenizer, prompt: str, system: str) -> str:
    """The text the model reads, up to and including the start of the assistant's turn."""
    if not tokenizer.chat_template:
        raise UserError(f"the tokenizer of {tokenizer.name_or_path} has no chat template; use a base that has one.")
    return tokenizer.apply_chat_template(messages(prompt, system), tokenize=False, add_generation_prompt=True)


def encode(tokenizer, prompt: str, system: str) -> list:
    """Token ids of `render`; the template writes the special tokens, so none is added here."""
    return tokenizer(render(tokenizer, prompt, system), add_special_tokens=False)["input_ids"]


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
    """The id that ends an assistant turn in this template: what the model must learn to write.

    Raises UserError when the template ends the turn with something that is not the tokenizer's eos token. A padding
    token that is the eos token is harmless: trl masks by position, and train/sft.py looks at the labels.
    """
    turn = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    tail = tokenizer.apply_chat_template(turn, tokenize=False).rsplit("b", 1)[1]
    if tokenizer.eos_token is None or tokenizer.eos_token not in tail:
        raise UserError(
            f"the chat template of {tokenizer.name_or_path} ends a turn with {tail!r}, which is not the "
            f"eos token {tokenizer.eos_token!r}; such a model would never stop."
        )
    return tokenizer.eos_token_id
