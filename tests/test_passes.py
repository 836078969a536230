"""A training's shorter forward passes give the losses and gradients of the plain ones."""

import copy

import pytest
import torch

from common import passes

PAD = 0


@pytest.fixture
def network(tiny_base):
    """The tiny base in float32, with trl's head for log-probabilities."""
    from transformers import AutoModelForCausalLM
    from trl.trainer.utils import add_fused_lm_head

    made = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
    add_fused_lm_head(made, outputs=("log_probs", "mean_logits", "is_top1"))
    return made


def copies(network):
    """The network, and another with the same weights."""
    from trl.trainer.utils import add_fused_lm_head

    other = type(network)(network.config)
    other.load_state_dict(copy.deepcopy(network.state_dict()))
    add_fused_lm_head(other, outputs=("log_probs", "mean_logits", "is_top1"))
    return network.train(), other.train()


def batch(rows, prompts, side="right"):
    """Model inputs of rows of token ids, padded on one side, whose first `prompts` tokens have no label."""
    width = max(map(len, rows))
    ids, mask, labels = [], [], []
    for row, prompt in zip(rows, prompts, strict=True):
        blank = width - len(row)
        wanted = [passes.IGNORED] * prompt + row[prompt:]
        parts = [(row, PAD), ([1] * len(row), 0), (wanted, passes.IGNORED)]
        filled = [part + [fill] * blank if side == "right" else [fill] * blank + part for part, fill in parts]
        for kept, values in zip((ids, mask, labels), filled, strict=True):
            kept.append(values)
    named = {"input_ids": ids, "attention_mask": mask, "labels": labels}
    return {name: torch.tensor(values) for name, values in named.items()}


def drawn(seed, count):
    return torch.randint(1, 300, (count,), generator=torch.Generator().manual_seed(seed)).tolist()


# (prompt, chosen, rejected) in tokens: answers of other lengths, answers that begin alike, one that is the other's
# beginning, no prompt at all, one token each.
PAIRS = [
    (drawn(1, 30), drawn(2, 12), drawn(3, 5)),
    (drawn(4, 9), [7, 8, 9, 10, 11], [7, 8, 9, 20]),
    (drawn(5, 17), [5, 6, 7], [5, 6, 7, 8, 9]),
    (drawn(6, 17), [5, 6, 7, 8, 9], [5, 6, 7]),
    ([], drawn(7, 6), drawn(8, 8)),
    (drawn(9, 3), [4], [5]),
]


def of_pairs(pairs):
    rows = [prompt + chosen for prompt, chosen, _ in pairs] + [prompt + rejected for prompt, _, rejected in pairs]
    return batch(rows, 2 * [len(prompt) for prompt, _, _ in pairs])


def gradients(network, loss):
    loss.backward()
    return {name: weight.grad.clone() for name, weight in network.named_parameters() if weight.grad is not None}


def assert_same_gradients(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert torch.allclose(one[name], other[name], rtol=1e-4, atol=1e-6), name


def watched(network):
    """What the decoder of a network is given from now on."""
    seen = []
    decoder = network.get_decoder()
    plain = decoder.forward
    decoder.forward = lambda *given, **named: (seen.append(named), plain(*given, **named))[1]
    return seen


@pytest.mark.parametrize("side", ["right", "left"])
def test_rows_padded_on_the_right_need_no_mask(network, side):
    plain, short = copies(network)
    passes.drop_padding_mask(short)
    seen = watched(short)
    given = batch([drawn(1, 40), drawn(2, 12), drawn(3, 25)], [20, 5, 10], side)
    before, after = (one(**given, fused_lm_head=True) for one in (plain, short))
    assert (seen[0]["attention_mask"] is None) == (side == "right")
    torch.testing.assert_close(after.log_probs, before.log_probs, rtol=1e-5, atol=1e-6)
    assert_same_gradients(gradients(short, after.loss), gradients(plain, before.loss))


def test_a_pair_is_read_as_one_row_with_the_numbers_of_two(network):
    plain, short = copies(network)
    passes.share_prompts(short)
    seen = watched(short)
    given = of_pairs(PAIRS)
    weights = torch.randn(given["input_ids"].shape[0], given["input_ids"].shape[1] - 1, generator=torch.manual_seed(1))
    before, after = (one(**given, fused_lm_head=True, use_cache=False) for one in (plain, short))
    assert len(seen[0]["input_ids"]) == len(PAIRS)
    for name in ("log_probs", "mean_logits", "is_top1"):
        torch.testing.assert_close(after[name], before[name], rtol=1e-4, atol=1e-5)
    losses = [(made.log_probs * weights).sum() for made in (after, before)]
    assert_same_gradients(gradients(short, losses[0]), gradients(plain, losses[1]))


def test_what_is_no_batch_of_pairs_goes_the_plain_way(network):
    passes.share_prompts(network)
    seen = watched(network)
    given = of_pairs(PAIRS)
    network(**given)
    network(**batch([drawn(1, 8), drawn(2, 9)], [3, 3], "left"), fused_lm_head=True)
    network(**{name: value[:3] for name, value in given.items()}, fused_lm_head=True)
    assert [len(one["input_ids"]) for one in seen] == [2 * len(PAIRS), 2, 3]


def test_layers_that_see_a_window_are_left_alone(network):
    network.config.sliding_window = 8
    assert not passes.takes_masks(network)
    network.config.sliding_window = None
    assert passes.takes_masks(network)
    network.config._attn_implementation = "eager"
    assert not passes.takes_masks(network)
