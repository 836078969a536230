"""Log-probabilities of completions: perplexity, the DPO reference proof and KL are all sums of these."""

import math


def completion_ids(tokenizer, text: str) -> list:
    """Token ids of a completion as the template places it, without the stop token."""
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def completion_logprobs(model, prompts: list, completions: list, batch_tokens: int = 8192) -> list:
    """For each (prompt ids, completion ids): the list of log-probs (nats) of the completion's tokens.

    Rows are sorted by length and right-padded; the model runs in eval mode without gradients and is put back after.
    """
    import torch

    was_training = model.training
    model.eval()
    lengths = [len(p) + len(c) for p, c in zip(prompts, completions, strict=True)]
    order = sorted(range(len(prompts)), key=lambda i: lengths[i])
    made, batch = [None] * len(prompts), []
    with torch.no_grad():
        for position, i in enumerate(order):
            batch.append(i)
            following = order[position + 1] if position + 1 < len(order) else None
            if following is None or (len(batch) + 1) * lengths[following] > batch_tokens:
                for j, values in zip(
                    batch,
                    _batch_logprobs(model, [prompts[j] for j in batch], [completions[j] for j in batch]),
                    strict=True,
                ):
                    made[j] = values
                batch = []
    model.train(was_training)
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
    logits = logits[:, :-1].float()
    chosen = logits.gather(-1, ids[:, first:, None]).squeeze(-1) - logits.logsumexp(-1)
    return [
        chosen[i, len(p) - first : len(p) - first + len(c)].tolist()
        for i, (p, c) in enumerate(zip(prompts, completions, strict=True))
    ]


def perplexity(logprobs: list) -> float:
    """exp of the mean negative log-prob over all tokens of all completions."""
    return math.exp(-sum(map(sum, logprobs)) / sum(map(len, logprobs)))
