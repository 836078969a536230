"""lm-eval's model of multiple choice made to run what prompts begin with once: few-shot rows, and each question.

A library for eval/mmlu.py. The scores are lm-eval's own (tests/test_mmlu.py).
"""

import copy
import itertools
import os

from eval.questions import LETTERS

SHORTEST = 8  # tokens; a shorter shared beginning is not worth a forward pass of its own


def share_beginnings(lm, batch_size):
    """Make lm-eval's model run the few-shot rows once for a subject, and a question once for its choices.

    Every call of its scorer is one subject in one form. Returns counts that go on growing: "tokens" run through the
    network and "cut", questions that are longer than the context and lost their beginning.
    """
    score, counts = lm._loglikelihood_tokens, {"tokens": 0, "cut": 0}

    def score_subject(requests, **_):
        # lm-eval refuses an answer that is longer than the context.
        requests = [(text, prompt, choice[-lm.max_length :]) for text, prompt, choice in requests]
        questions = [list(group) for _, group in itertools.groupby(range(len(requests)), key=lambda i: requests[i][1])]
        fits = {
            places[0]: max(len(requests[i][1]) + len(requests[i][2]) for i in places) <= lm.max_length + 1
            for places in questions
        }
        scores = [None] * len(requests)
        cut = [i for places in questions if not fits[places[0]] for i in places]
        if cut:
            counts["cut"] += sum(not one for one in fits.values())
            counts["tokens"] += sum(min(len(requests[i][1]) + len(requests[i][2]) - 1, lm.max_length) for i in cut)
            for i, one in zip(cut, score([requests[i] for i in cut], disable_tqdm=True), strict=True):
                scores[i] = one
        whole = sorted((q for q in questions if fits[q[0]]), key=lambda places: len(requests[places[0]][1]))
        for places, found in zip(whole, score_whole(lm, whole, requests, batch_size, counts), strict=True):
            for i, one in zip(places, found, strict=True):
                scores[i] = one
        return scores

    lm._loglikelihood_tokens = score_subject
    return counts


def score_whole(lm, questions, requests, batch_size, counts):
    """score_choices of every question (the places of its choices in `requests`), about `batch_size` rows at a time."""
    prompts = [requests[places[0]][1] for places in questions]
    choices = [[requests[i][2] for i in places] for places in questions]
    known = shared_beginning(prompts)
    cache = run_beginning(lm.model, prompts[0][:known], lm.device) if known else None
    counts["tokens"] += known
    counts["tokens"] += sum(len(prompt) - known for prompt in prompts)
    counts["tokens"] += sum(len(choice) - 1 for those in choices for choice in those)
    one_token = all(len(choice) == 1 for those in choices for choice in those)
    size, found = batch_size if one_token else max(1, batch_size // len(LETTERS)), []
    for start in range(0, len(questions), size):
        part = slice(start, start + size)
        found += score_choices(lm.model, cache, known, [prompt[known:] for prompt in prompts[part]], choices[part])
    return found


def shared_beginning(prompts):
    """How many tokens all the prompts begin with, each keeping its last one for itself; 0 when below SHORTEST."""
    if not prompts:
        return 0
    shared = min(len(os.path.commonprefix(prompts)), min(map(len, prompts)) - 1)
    return shared if shared >= SHORTEST else 0


def run_beginning(network, ids, device):
    """The network's cache after these tokens."""
    import torch

    with torch.inference_mode():
        inputs = torch.tensor([ids], device=device)
        return network(inputs, use_cache=True, logits_to_keep=1).past_key_values


def score_choices(network, cache, known, prompts, choices):
    """For every prompt (token ids) its choices' [(log-likelihood in nats, whether it is the greedy answer)].

    `cache` holds the `known` tokens that all prompts begin with. The prompts run once, padded on the left, so that the
    first token of every choice is read from their last place; longer choices then run on from there.
    """
    import torch

    device, width = network.device, max(map(len, prompts))
    ids, mask = padded(prompts, width, left=True, device=device)
    before = mask.new_ones(len(prompts), known)
    with torch.inference_mode():
        past = copy.deepcopy(cache)
        if past is not None:
            past.batch_repeat_interleave(len(prompts))
        seen = torch.cat([before, mask], 1)
        places = known + (mask.cumsum(1) - 1).clamp(min=0)
        made = network(
            ids, attention_mask=seen, position_ids=places, past_key_values=past, use_cache=True, logits_to_keep=1
        )
        first = made.logits[:, -1].float().log_softmax(-1)
        owners = [i for i, those in enumerate(choices) for _ in those]
        flat = [choice for those in choices for choice in those]
        rest = [None] * len(flat)
        longest = max(map(len, flat))
        if longest > 1:
            rows = torch.tensor(owners, device=device)
            past = made.past_key_values
            past.batch_select_indices(rows)
            ids, mask = padded([choice[:-1] for choice in flat], longest - 1, left=False, device=device)
            ends = known + torch.tensor([len(prompts[i]) for i in owners], device=device)[:, None]
            places = ends + torch.arange(longest - 1, device=device)[None]
            seen = torch.cat([seen[rows], mask], 1)
            rest = network(ids, attention_mask=seen, position_ids=places, past_key_values=past, use_cache=True).logits
        found = [score_choice(first[i], row, choice) for i, row, choice in zip(owners, rest, flat, strict=True)]
    return [[one for owner, one in zip(owners, found, strict=True) if owner == i] for i in range(len(prompts))]


def padded(rows, width, left, device):
    """(ids, mask) of rows of token ids, each (rows, width): 1 in the mask where a token stands."""
    import torch

    ids = torch.zeros(len(rows), width, dtype=torch.long, device=device)
    mask = torch.zeros_like(ids)
    for i, row in enumerate(rows):
        place = slice(width - len(row), width) if left else slice(0, len(row))
        ids[i, place] = torch.tensor(row, dtype=torch.long, device=device)
        mask[i, place] = 1
    return ids, mask


def score_choice(first, rest, choice):
    """(log-likelihood, whether greedy) of one choice.

    `first` are the log-probs of its first token (vocabulary), `rest` the logits of the following ones (places,
    vocabulary), None where every choice is one token.
    """
    import torch

    values = first[None]
    if len(choice) > 1:
        values = torch.cat([values, rest[: len(choice) - 1].float().log_softmax(-1)])
    ids = torch.tensor(choice, device=values.device)
    return values.gather(1, ids[:, None]).sum().item(), bool((values.argmax(-1) == ids).all())
