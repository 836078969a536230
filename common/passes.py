"""What the forward passes of a training can leave out: a mask over padding, a prompt read twice, and in decoding the
unpacking of weights at each step.

Tested for equal losses, gradients and logits in tests/test_passes.py; the training's are measured in bench/training.py.
"""

import contextlib
import functools
import inspect

PER_TOKEN = ("log_probs", "entropy", "log_sum_sq_probs", "mean_logits", "is_top1", "label_mask")  # of trl's outputs
IGNORED = -100


def drop_padding_mask(network):
    """Have the decoder attend without a mask where its rows are padded on the right.

    Causal attention never looks to the right, so no token of a row sees the padding, and what comes out at the padding
    is not used. Without a mask the kernels skip the upper half of the scores (and flash kernels can be taken at all).
    """

    def drop(module, given, named):
        mask = named.get("attention_mask")
        free = all(named.get(key) is None for key in ("position_ids", "past_key_values"))
        if mask is not None and free and is_right_padded(mask):
            named = {**named, "attention_mask": None}
        return given, named

    network.get_decoder().register_forward_pre_hook(drop, with_kwargs=True)


def is_right_padded(mask) -> bool:
    """Whether each row of a mask, [rows, tokens], is ones and then zeros."""
    return mask.dim() == 2 and bool(mask[:, 0].all()) and bool((mask[:, 1:] <= mask[:, :-1]).all())


def share_prompts(network):
    """Have a causal model read once what the two answers of a pair have in common, as a rule the prompt.

    For the batches of trl's DPOTrainer, which asks for log-probabilities of rows whose first half are prompts with the
    chosen answers and whose second half are the same prompts with the rejected ones. Each pair becomes one row, the
    chosen answer's with the rest of the rejected one behind it, which sees the common part and itself alone (prefix
    sharing, arXiv 2410.20305). Every number per token goes back to where trl expects it. Other calls, and models whose
    attention takes no such mask, go the plain way.
    """
    plain = network.forward
    fitting = takes_masks(network)

    @functools.wraps(plain)
    def forward(*given, **named):
        if not (fitting and is_of_pairs(given, named)):
            return plain(*given, **named)
        joined, index = join_pairs(named["input_ids"], named["attention_mask"], named["labels"])
        made = plain(**{**named, **joined})
        for name in PER_TOKEN:
            if made.get(name) is not None:
                made[name] = spread(made[name], index)
        return made

    network.forward = forward


def takes_masks(network) -> bool:
    """Whether every layer attends to all that a mask of our own allows, at positions of our own."""
    config = network.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    return (
        config._attn_implementation == "sdpa"
        and kinds == {"full_attention"}
        and not getattr(config, "sliding_window", None)
        and not getattr(config, "output_router_logits", False)  # a loss over all tokens, under the mask of plain rows
        and "position_ids" in inspect.signature(type(network).forward).parameters
    )


def is_of_pairs(given, named) -> bool:
    """Whether a call is trl's for a batch of pairs, padded on the right."""
    ids, mask = named.get("input_ids"), named.get("attention_mask")
    return (
        not given
        and bool(named.get("fused_lm_head"))
        and not named.get("output_router_logits")
        and named.get("labels") is not None
        and ids is not None
        and len(ids) % 2 == 0
        and mask is not None
        and is_right_padded(mask)
    )


def join_pairs(ids, mask, labels):
    """(model inputs of one row for each pair, where each number per token of the plain rows is to be found in them).

    ids, mask, labels: [2 n, tokens], rows i and n + i being a pair. A joined row is the chosen row, and behind it the
    rejected one from its last common token on: that token is there twice, since the rejected answer goes on from it.
    The index, [2 n, tokens - 1], counts in the joined row and is one past its end where there is nothing.
    """
    import torch

    n, device = len(ids) // 2, ids.device
    same = (ids[:n] == ids[n:]) & (labels[:n] == labels[n:]) & mask[:n].bool() & mask[n:].bool()
    common = (same.long().cumprod(1).sum(1) - 1).clamp(min=0).tolist()  # the last common token of each pair
    length = mask.sum(1).tolist()
    rows, wanted, places = [], [], []
    for i, k in enumerate(common):
        end, other = length[i], length[n + i]
        rows.append(torch.cat([ids[i, :end], ids[n + i, k:other]]))
        wanted.append(torch.cat([labels[i, :end], labels[n + i, k:other]]))
        places.append(torch.cat([torch.arange(end), torch.arange(k, other)]))
    longest = max(map(len, rows))
    index = torch.full((2 * n, ids.shape[1] - 1), longest - 1)
    for i, k in enumerate(common):
        index[i, : length[i] - 1] = torch.arange(length[i] - 1)
        index[n + i, :k] = torch.arange(k)
        index[n + i, k : length[n + i] - 1] = torch.arange(length[i], len(rows[i]) - 1)
    pad = functools.partial(torch.nn.utils.rnn.pad_sequence, batch_first=True)
    joined = {
        "input_ids": pad(rows),
        "labels": pad(wanted, padding_value=IGNORED),
        "position_ids": pad(places).to(device),
        "attention_mask": visible(torch.tensor(common), torch.tensor(length[:n]), longest).to(device),
    }
    return joined, index.to(device)


def visible(common, end, tokens):
    """The mask, [n, 1, tokens, tokens], under which a token of a joined row sees what it saw in a row of its own.

    common: the last common token of each pair; end: length of its chosen row.
    """
    import torch

    asks, seen = torch.arange(tokens)[None, :, None], torch.arange(tokens)[None, None, :]
    common, end = common[:, None, None], end[:, None, None]
    of_the_other = (asks >= end) & (seen >= common) & (seen < end)
    return ((seen <= asks) & ~of_the_other)[:, None]


def spread(values, index):
    """Numbers per token of joined rows, [n, tokens - 1], at their places in the plain rows; 0 where there is none."""
    import torch

    ended = torch.nn.functional.pad(values, (0, 1))
    return ended.repeat(2, 1).gather(1, index)


@contextlib.contextmanager
def whole_weights(network):
    """While this holds, a LoRA layer on a CPU multiplies once, by its whole weight W + scale * B A.

    Decoding is hundreds of short steps, and each would unpack every quantised weight and multiply three times for every
    layer. The weight is rounded to the layer's dtype, as in the merged model that is served (train/merge.py). On a GPU
    nothing is changed, since there a second copy of the weights may not fit; nor are layers with more than a LoRA.
    """
    from peft.tuners.lora import LoraLayer

    changed = []
    try:
        for module in network.modules():
            if isinstance(module, LoraLayer) and is_plain(module):
                weight, bias = whole_weight(module), module.base_layer.bias
                changed.append((module, module.__dict__.get("forward")))
                module.forward = functools.partial(multiply, weight, bias)
        yield
    finally:
        for module, own in changed:
            del module.forward
            if own is not None:
                module.forward = own


def is_plain(module) -> bool:
    """Whether a LoRA layer is a linear one on a CPU whose active adapters add a product of two matrices and no more."""
    import torch

    state = getattr(module.base_layer.weight, "quant_state", None)
    return (
        isinstance(module.base_layer, torch.nn.Linear)
        and module.base_layer.weight.device.type == "cpu"
        and not getattr(state, "packing_format_for_cpu", False)  # which cannot be read back, see model.load_base
        and not any(name in module.lora_variant or module.lora_bias.get(name) for name in module.active_adapters)
    )


def whole_weight(module):
    """The weight of a LoRA layer with its active adapters, in the dtype that the layer multiplies in."""
    from peft.utils.integrations import dequantize_module_weight

    weight = dequantize_module_weight(module.base_layer).detach()
    whole = weight.float()
    for name in () if module.disable_adapters else module.active_adapters:
        if name in module.lora_A:
            whole = whole + module.get_delta_weight(name).detach().float()
    return whole.to(weight.dtype)


def multiply(weight, bias, values):
    """values W^T + bias, in the dtype of W, given back in that of the values."""
    import torch

    return torch.nn.functional.linear(
        values.to(weight.dtype), weight, None if bias is None else bias.to(weight.dtype)
    ).to(values.dtype)
