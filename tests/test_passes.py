"""A training's shorter forward passes give the losses and gradients of the plain ones."""

import pytest
import torch

from common import model, passes
from train import sft

PAD = 0


def headed(network):
    """The network with trl's head for log-probabilities."""
    from trl.trainer.utils import add_fused_lm_head

    add_fused_lm_head(network, outputs=("log_probs", "mean_logits", "is_top1"))
    return network.train()


@pytest.fixture
def network(tiny_base):
    """The tiny base in float32."""
    from transformers import AutoModelForCausalLM

    return headed(AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32))


def copies(network):
    """The network, and another with the same weights."""
    other = type(network)(network.config)
    other.load_state_dict(network.state_dict())
    return network, headed(other)


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


WIDTH = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 320}
FAMILIES = {  # whether a pair can be one row, and what a tiny model of the family is made with
    "qwen2": (True, WIDTH | {"num_key_value_heads": 2, "intermediate_size": 64}),
    "opt": (True, WIDTH | {"ffn_dim": 64, "word_embed_proj_dim": 32, "dropout": 0.0}),  # positions from the mask
    "gpt2": (True, {"n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": 320, "resid_pdrop": 0.0, "embd_pdrop": 0.0,
                    "attn_pdrop": 0.0}),
    "mistral": (False, WIDTH | {"num_key_value_heads": 2, "intermediate_size": 64}),  # a window
    "bloom": (False, {"hidden_size": 32, "n_layer": 2, "n_head": 4, "vocab_size": 320}),  # no positions: distances
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_other_families_of_models_keep_their_numbers(family):
    from transformers import AutoConfig, AutoModelForCausalLM

    fits, settings = FAMILIES[family]
    torch.manual_seed(0)
    made = headed(AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **settings)).float())
    for weight in made.parameters():
        if weight.dim() > 1:
            weight.data.mul_(12)  # or attention adds next to nothing, and a wrong mask would not show
    plain, short = copies(made)
    passes.drop_padding_mask(short)
    passes.share_prompts(short)
    seen, given = watched(short), of_pairs(PAIRS)
    before, after = (one(**given, fused_lm_head=True, use_cache=False).log_probs for one in (plain, short))
    assert len(seen[0]["input_ids"]) == len(PAIRS) * (1 if fits else 2)
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-5)


def test_layers_that_see_a_window_are_left_alone(network):
    network.config.sliding_window = 8
    assert not passes.takes_masks(network)
    network.config.sliding_window = None
    assert passes.takes_masks(network)
    network.config.output_router_logits = True
    assert not passes.takes_masks(network)
    network.config.output_router_logits = False
    network.config._attn_implementation = "eager"
    assert not passes.takes_masks(network)


@pytest.mark.parametrize("load_in_4bit", [True, False])
def test_whole_weights_give_the_logits_of_the_layers_own_products_and_are_gone_afterwards(tiny_base, load_in_4bit):
    network = with_adapter(tiny_base, load_in_4bit)
    ids = torch.tensor([drawn(1, 20), drawn(2, 20)])
    with torch.inference_mode():
        plain, bare = network(input_ids=ids).logits, bare_logits(network, ids)
        with passes.whole_weights(network):
            whole, whole_bare = network(input_ids=ids).logits, bare_logits(network, ids)
            assert multiplications(network) == 14, "layers that still multiply three times"
        assert torch.equal(network(input_ids=ids).logits, plain) and multiplications(network) == 0
    assert (plain - bare).abs().max() > 0.1, "an adapter that changes nothing would pass"
    assert torch.allclose(whole, plain, atol=1e-3)
    assert torch.equal(whole_bare, whole), "the adapter is taken when the weights are made, not later"


def test_whole_weights_without_the_adapter_are_the_bases(tiny_base):
    network = with_adapter(tiny_base, True)
    ids = torch.tensor([drawn(1, 20)])
    with torch.inference_mode(), network.disable_adapter():
        bare = network(input_ids=ids).logits
        with passes.whole_weights(network):
            assert torch.allclose(network(input_ids=ids).logits, bare, atol=1e-3)


def test_a_layer_that_is_more_than_a_lora_keeps_its_own_products(tiny_base):
    network = with_adapter(tiny_base, False, use_dora=True)
    ids = torch.tensor([drawn(1, 20)])
    with torch.inference_mode():
        plain = network(input_ids=ids).logits
        with passes.whole_weights(network):
            assert multiplications(network) == 0 and torch.equal(network(input_ids=ids).logits, plain)


def with_adapter(base, load_in_4bit, **settings):
    """The tiny base in float32 with an adapter that is not zero, on all linear layers."""
    from peft import LoraConfig, get_peft_model

    bits = ["--load_in_4bit" if load_in_4bit else "--no-load_in_4bit"]
    network = model.load_base(str(base), sft.parse_args(["--base", str(base), "--dtype", "float32", *bits]))
    torch.manual_seed(3)
    lora = LoraConfig(r=4, lora_alpha=32, target_modules="all-linear", init_lora_weights=False, **settings)
    return get_peft_model(network, lora).eval()


def bare_logits(network, ids):
    with network.disable_adapter():
        return network(input_ids=ids).logits


def multiplications(network) -> int:
    """How many layers multiply by one whole weight."""
    return sum("forward" in vars(module) and hasattr(module, "lora_A") for module in network.modules())
