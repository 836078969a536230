"""One way to get completions from a model, for sampling pairs and for evaluation: `Engine(...).generate(...)`.

`vllm` on a GPU (base and adapters by name in one engine) or on a CPU (merged weights); `hf` is transformers with
our own decoding loop, which keeps its cache in place and drops finished rows; bench/sampling.py times it beside
`generate`.
"""

import importlib.util
import os
from pathlib import Path
from typing import NamedTuple

from common.cli import UserError
from common.model import DTYPES


class Completion(NamedTuple):
    """One sampled completion; finish_reason is 'stop' (ended by itself) or 'length' (cut)."""

    text: str
    token_ids: list
    finish_reason: str


class Sampling(NamedTuple):
    """Decoding settings; temperature 0 is greedy. `stop` strings end a completion and are not part of its text."""

    n: int = 1
    temperature: float = 0.0
    top_p: float = 1.0
    max_new_tokens: int = 256
    seed: int = 0
    stop: tuple = ()


def add_engine_flags(parser):
    """--engine and --dtype, of the stages that sample or answer."""
    parser.add_argument(
        "--engine", default="auto", choices=("auto", "vllm", "hf"), help="auto: vllm where it is installed"
    )
    parser.add_argument(
        "--dtype",
        default="auto",
        choices=DTYPES,
        help="dtype of sampling; auto: bfloat16 where the hardware has it",
    )


def choose_engine(name: str) -> str:
    """'auto' is vllm where it is installed (setup.sh does so), otherwise hf."""
    if name != "auto":
        return name
    return "vllm" if importlib.util.find_spec("vllm") else "hf"


class Engine:
    """Models by name behind one `generate`.

    base: folder or Hub name; adapters: {name: adapter folder}. Each adapter folder has merged/ beside it
    (train/merge.py), which is what is loaded where run-time adapters are slow.
    """

    def __init__(self, base: str, adapters: dict, kind: str = "auto", dtype: str = "bfloat16"):
        import torch

        self.kind, self.base, self.adapters, self.dtype = choose_engine(kind), base, adapters, dtype
        self.on_gpu = torch.cuda.is_available()
        self.batch_size = 512 if self.on_gpu else 256  # completions at a time, of hf
        self.loaded, self.model = None, None

    def path(self, name: str) -> str:
        """The folder of full weights for a model name."""
        if name == "base":
            return self.base
        if name not in self.adapters:
            raise UserError(f"no model {name!r} here; there is base, {', '.join(self.adapters)}.")
        return str(Path(self.adapters[name]) / "merged")

    def tokenizer_path(self, name: str) -> str:
        """The folder of a model's tokenizer: the base reads prompts and stops as its adapters do."""
        return self.path(next(iter(self.adapters))) if name == "base" and self.adapters else self.path(name)

    def generate(self, name: str, prompts: list, sampling: Sampling, description: str = "") -> list:
        """sampling.n completions for each prompt (a list of token ids), in the prompts' order.

        Raises UserError, before anything is loaded, for a prompt that leaves no room for an answer.
        """
        self._check_lengths(name, prompts)
        if self.kind == "vllm":
            return self._generate_vllm(name, prompts, sampling, description)
        return self._generate_hf(name, prompts, sampling, description)

    def _check_lengths(self, name, prompts):
        limit = _model_length(self.path(name))
        over = [i for i, prompt in enumerate(prompts) if len(prompt) >= limit]
        if over:
            raise UserError(
                f"{len(over)} of {len(prompts)} prompts are too long, the first of them number {over[0] + 1} with "
                f"{len(prompts[over[0]])} tokens: with its answer {self.path(name)} reads at most {limit}; shorten "
                "them or leave them out."
            )

    def _load_hf(self, name):
        import torch
        from transformers import AutoModelForCausalLM

        from common.model import load_tokenizer

        if self.loaded != name:
            self.model = AutoModelForCausalLM.from_pretrained(
                self.path(name),
                dtype=getattr(torch, self.dtype),
                device_map="cuda" if self.on_gpu else "cpu",
                attn_implementation=None if self.on_gpu else grouped_attention(),
            ).eval()
            self.tokenizer, self.loaded = load_tokenizer(self.tokenizer_path(name)), name

    def _generate_hf(self, name, prompts, sampling, description):
        import torch
        from tqdm import tqdm

        self._load_hf(name)
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        rows = max(1, self.batch_size // sampling.n)
        made = [None] * len(prompts)
        with torch.inference_mode(), tqdm(total=len(prompts), desc=description, unit="prompt", mininterval=2) as bar:
            for start in range(0, len(order), rows):
                chosen = order[start : start + rows]
                generator = torch.Generator(self.model.device).manual_seed(sampling.seed * 1_000_003 + start)
                batch = decode_batch(self.model, self.tokenizer, [prompts[i] for i in chosen], sampling, generator)
                for i, completions in zip(chosen, batch, strict=True):
                    made[i] = completions
                bar.update(len(chosen))
        return made

    def _load_vllm(self, name):
        if self.loaded == name:
            return
        if not self.on_gpu:  # vLLM keeps one core free by itself, and takes half of the memory; a user's values stand
            cores = ",".join(map(str, sorted(os.sched_getaffinity(0))))
            os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", cores)
            os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        from vllm import LLM

        from common.model import lora_rank

        by_request = self.on_gpu and bool(self.adapters)
        self.model = None
        self.model = LLM(
            model=self.path(name),
            tokenizer=self.tokenizer_path(name),
            dtype=self.dtype,
            enable_lora=by_request,
            max_lora_rank=lora_rank(self.adapters.values()) if by_request else 16,
            gpu_memory_utilization=0.85,  # under 22 GB of a 24 GB card: room for the driver and a desktop
            enforce_eager=not self.on_gpu,
            max_model_len=_model_length(self.path(name)),
            disable_log_stats=True,
            # On a CPU vLLM 0.32 dies of a seeded prompt read in pieces ("CPU Generator does not use offset").
            enable_chunked_prefill=self.on_gpu,
            max_num_batched_tokens=None if self.on_gpu else 8192,
        )
        self.loaded = name

    def _generate_vllm(self, name, prompts, sampling, description):
        from vllm import SamplingParams
        from vllm.lora.request import LoRARequest

        by_request = self.on_gpu and name != "base"
        self._load_vllm("base" if self.on_gpu else name)
        lora = LoRARequest(name, 1 + list(self.adapters).index(name), str(self.adapters[name])) if by_request else None
        parameters = [
            SamplingParams(
                n=sampling.n,
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                seed=sampling.seed * 1_000_003 + i,  # one for each prompt
                max_tokens=sampling.max_new_tokens,
                stop=list(sampling.stop) or None,
            )
            for i in range(len(prompts))
        ]
        outputs = self.model.generate(
            [{"prompt_token_ids": ids} for ids in prompts], parameters, lora_request=lora, use_tqdm=True
        )
        return [[Completion(o.text, list(o.token_ids), o.finish_reason) for o in output.outputs] for output in outputs]


def _model_length(folder):
    """Longest context to serve: the model's own, at most 4,096 tokens, so that the cache fits beside the weights."""
    from transformers import AutoConfig

    return min(4096, AutoConfig.from_pretrained(folder).max_position_embeddings)


def grouped_attention() -> str:
    """Register, and return the name of, an attention that reads a shared key once for all the query heads it serves.

    transformers' own repeats keys and values for each query head at every step, which costs more than the rest of
    the step on a CPU. Only single-token steps differ; the prompt is read as by 'sdpa'.
    """
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward
    from transformers.masking_utils import sdpa_mask

    def attend(module, query, key, value, attention_mask, scaling=None, **kwargs):
        rows, heads, steps, size = query.shape
        if steps > 1:
            return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
        shared = key.shape[1]
        grouped = query.reshape(rows, shared, heads // shared, size)
        scores = (grouped @ key.transpose(2, 3)) * (size**-0.5 if scaling is None else scaling)
        if attention_mask is not None:  # (rows, 1, 1, keys), True where a key is seen
            scores = scores.masked_fill(~attention_mask, float("-inf"))
        return (scores.softmax(-1) @ value).reshape(rows, 1, heads, size), None

    AttentionInterface.register("grouped", attend)
    AttentionMaskInterface.register("grouped", sdpa_mask)
    return "grouped"


def make_cache(config, capacity):
    """A transformers cache whose layers write into one buffer instead of copying everything at each step."""
    from transformers.cache_utils import DynamicCache, DynamicLayer

    class BufferLayer(DynamicLayer):
        """Keys and values (rows, heads, capacity, head size), filled from the left."""

        def __init__(self):
            super().__init__()
            self.length = 0

        def update(self, key_states, value_states, *args, **kwargs):
            if not self.is_initialized:
                self.lazy_initialization(key_states, value_states)
                rows, heads, _, size = key_states.shape
                self.key_buffer = key_states.new_empty(rows, heads, capacity, size)
                self.value_buffer = value_states.new_empty(rows, heads, capacity, size)
            end = self.length + key_states.shape[2]
            self.key_buffer[:, :, self.length : end] = key_states
            self.value_buffer[:, :, self.length : end] = value_states
            self.length = end
            self.keys, self.values = self.key_buffer[:, :, :end], self.value_buffer[:, :, :end]
            return self.keys, self.values

        def get_seq_length(self, *args, **kwargs):
            return self.length

        def select(self, rows):
            """Keep these rows (repeats allowed)."""
            self.key_buffer, self.value_buffer = self.key_buffer[rows], self.value_buffer[rows]

    cache = DynamicCache()
    cache.layers = [BufferLayer() for _ in range(config.num_hidden_layers)]
    cache.layer_class_to_replicate = None
    return cache


def next_tokens(logits, sampling, generator):
    """One token id for each row of logits (rows, vocabulary): greedy, or sampled with temperature and top_p."""
    import torch

    if sampling.temperature == 0:
        return logits.argmax(-1)
    probabilities = torch.softmax(logits.float() / sampling.temperature, -1)
    if sampling.top_p < 1:
        ranked, index = probabilities.sort(-1, descending=True)
        ranked[ranked.cumsum(-1) - ranked > sampling.top_p] = 0
        probabilities = torch.zeros_like(probabilities).scatter_(-1, index, ranked)
    # By the inverse of the distribution: one random number a row, where torch.multinomial draws one for each token.
    upto = probabilities.double().cumsum(-1)
    drawn = torch.rand(len(upto), 1, generator=generator, device=upto.device, dtype=upto.dtype) * upto[:, -1:]
    return torch.searchsorted(upto, drawn, right=True).squeeze(-1).clamp(max=upto.shape[-1] - 1)


def prefill(model, tokenizer, prompts, sampling, steps):
    """Read the prompts, left-padded, and repeat each sampling.n times.

    Returns the cache, the logits of the next token (rows, vocabulary), each row's padding, and the attention mask
    (rows, width + steps), None when no row is padded: the kernels are faster without one.
    """
    import torch

    width, device = max(map(len, prompts)), model.device
    ids = torch.tensor([[tokenizer.pad_token_id] * (width - len(p)) + p for p in prompts], device=device)
    padding = torch.tensor([width - len(p) for p in prompts], device=device)
    padded = bool((padding > 0).any())
    mask = (torch.arange(width + steps, device=device)[None] >= padding[:, None]).long() if padded else None
    positions = (torch.arange(width, device=device)[None] - padding[:, None]).clamp(min=0)
    cache = make_cache(model.config, width + steps)
    read = {"attention_mask": mask[:, :width] if padded else None, "position_ids": positions}
    logits = model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1, **read).logits[:, -1]
    repeat = torch.arange(len(prompts), device=device).repeat_interleave(sampling.n)
    for layer in cache.layers:
        layer.select(repeat)
    return cache, logits[repeat], padding[repeat], mask[repeat] if padded else None


def decode_batch(model, tokenizer, prompts, sampling, generator) -> list:
    """Completions of one batch of prompts (lists of token ids); rows leave the batch as they finish."""
    import torch

    width, context = max(map(len, prompts)), model.config.max_position_embeddings
    steps = min(sampling.max_new_tokens, context - width)
    if steps < 1:
        raise UserError(f"a prompt of {width} tokens leaves no room in a context of {context}; shorten it.")
    cache, logits, padding, mask = prefill(model, tokenizer, prompts, sampling, steps)
    rows = list(range(len(logits)))  # which completion each row of the batch writes
    tokens, reasons = [[] for _ in rows], ["length"] * len(rows)
    ends = model.generation_config.eos_token_id
    # The base's own list may lack the token that ends a turn in the chat template.
    stop_ids = {tokenizer.eos_token_id, *(ends if isinstance(ends, list) else [ends])}
    for step in range(steps):
        chosen = next_tokens(logits, sampling, generator)
        for i, token in enumerate(chosen.tolist()):
            if reasons[rows[i]] == "length":  # still open
                tokens[rows[i]].append(token)
                tail = tokenizer.decode(tokens[rows[i]][-8:]) if sampling.stop else ""
                if token in stop_ids or any(stop in tail for stop in sampling.stop):
                    reasons[rows[i]] = "stop"
        alive = [i for i, row in enumerate(rows) if reasons[row] == "length"]
        if not alive or step == steps - 1:
            break
        if len(alive) < 0.75 * len(rows):  # moving the cache costs about one step, so not for every row
            keep = torch.tensor(alive, device=model.device)
            chosen, padding, rows = chosen[keep], padding[keep], [rows[i] for i in alive]
            mask = None if mask is None else mask[keep]
            for layer in cache.layers:
                layer.select(keep)
        length = width + step + 1
        place = {
            "attention_mask": None if mask is None else mask[:, :length],
            "position_ids": (length - 1 - padding)[:, None],
        }
        logits = model(input_ids=chosen[:, None], past_key_values=cache, use_cache=True, **place).logits[:, -1]
    made = [Completion(_text(tokenizer, t, sampling), t, reason) for t, reason in zip(tokens, reasons, strict=True)]
    return [made[i : i + sampling.n] for i in range(0, len(made), sampling.n)]


def _text(tokenizer, token_ids, sampling):
    text = tokenizer.decode(token_ids, skip_special_tokens=True)
    cuts = [text.find(stop) for stop in sampling.stop if stop in text]
    return text[: min(cuts)] if cuts else text
