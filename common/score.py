"""Log-probabilities of completions: perplexity, the DPO reference proof and KL are all sums of these."""

import math

from common.apart import apart
from common.cli import UserError

# Logits kept of one batch, unless one row has more: 0.25 GiB in bf16, and in training thrice that, since accelerate
# adds a float32 copy.
LOGITS = 2**27
CHUNK = 2**26  # logits turned to float32 at a time: 0.25 GiB


def completion_ids(tokenizer, text: str) -> list:
    """Token ids of text that a chat template wrote, in which control tokens are meant; none is added."""
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def text_ids(tokenizer, text: str) -> list:
    """Token ids of plain text, in which what spells a control token is text like any other; none is added."""
    return tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]


def completion_logprobs(model, prompts: list, completions: list, batch_tokens: int = 8192, shown: str = "") -> list:
    """For each (prompt ids, completion ids): the list of log-probs (nats) of the completion's tokens.

    Rows are sorted by length and right-padded; the model runs in eval mode without gradients and is put back after.
    `shown` names a progress bar; without it there is none.
    """
    import torch
    from tqdm import tqdm

    was_training = model.training
    model.eval()
    made = [None] * len(prompts)
    vocabulary = model.config.get_text_config().vocab_size
    with torch.no_grad():
        batches = _batches(prompts, completions, batch_tokens, LOGITS // vocabulary)
        for batch in tqdm(batches, desc=shown, unit="batch", mininterval=2, disable=not shown):
            found = _batch_logprobs(model, [prompts[i] for i in batch], [completions[i] for i in batch])
            for i, values in zip(batch, found, strict=True):
                made[i] = values
    model.train(was_training)
    return made


def _batches(prompts, completions, tokens, kept):
    """Lists of rows of similar length: at most so many tokens, and so many places whose logits are kept, or one row."""
    lengths = [len(p) + len(c) for p, c in zip(prompts, completions, strict=True)]
    made = []
    for i in sorted(range(len(prompts)), key=lambda i: lengths[i]):
        batch = [*made[-1], i] if made else []
        places = lengths[i] - min((len(prompts[j]) for j in batch), default=0) + 1
        if batch and len(batch) * lengths[i] <= tokens and len(batch) * places <= kept:
            made[-1] = batch
        else:
            made.append([i])
    return made


def _batch_logprobs(model, prompts, completions):
    import torch

    width = max(len(p) + len(c) for p, c in zip(prompts, completions, strict=True))
    ids = torch.zeros(len(prompts), width, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for i, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
        ids[i, : len(prompt) + len(completion)] = torch.tensor(prompt + completion)
        mask[i, : len(prompt) + len(completion)] = 1
    ids, mask = ids.to(model.device), mask.to(model.device)
    first = min(map(len, prompts))  # logits before the first completion token of any row are not needed
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False, logits_to_keep=width - first + 1).logits
    places = max(1, CHUNK // (logits.shape[0] * logits.shape[2]))
    parts = []
    for start in range(0, width - first, places):
        part = logits[:, start : min(start + places, width - first)].float()
        wanted = ids[:, first + start : first + start + part.shape[1], None]
        parts.append(part.gather(-1, wanted).squeeze(-1) - part.logsumexp(-1))
    chosen = torch.cat(parts, 1)
    return [
        chosen[i, len(p) - first : len(p) - first + len(c)].tolist()
        for i, (p, c) in enumerate(zip(prompts, completions, strict=True))
    ]


def score_apart(jobs: list, dtype: str, shown: str = "") -> list:
    """completion_logprobs of each job (model folder, prompts, completions), in the jobs' order.

    In a process of its own, which holds one model at a time: when it ends all its memory is free for the engine.
    """
    return apart("scores reference answers", _score_jobs, jobs, dtype, shown)


def _score_jobs(jobs, dtype, shown):
    import torch
    from transformers import AutoModelForCausalLM

    device = {"": 0} if torch.cuda.is_available() else {"": "cpu"}
    made, loaded, network = [], None, None
    for folder, prompts, completions in jobs:
        if folder != loaded:
            network = None  # or two would be in memory
            network = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype), device_map=device)
            loaded = folder
        made.append(completion_logprobs(network, prompts, completions, shown=shown))
    return made


def perplexity(logprobs: list) -> float:
    """exp of the mean negative log-prob over all tokens of all completions; see perplexity_from."""
    return perplexity_from(sum(map(sum, logprobs)), sum(map(len, logprobs)))


def perplexity_from(logprob: float, tokens: int) -> float:
    """exp of the mean negative log-prob of so many tokens; infinite where that is more than a number can hold.

    UserError when there is no token.
    """
    if not tokens:
        raise UserError("there is no token whose probability could be measured; every answer to be scored is empty.")
    try:
        return math.exp(-logprob / tokens)
    except OverflowError:
        return math.inf
