"""One way to get completions from a model, for sampling pairs and for evaluation: `Engine(...).generate(...)`.

`vllm` on a GPU (base and adapters by name in one engine) or on a CPU and for DoRA (merged weights); `hf` is
transformers' `generate`, for rehearsals and tests, where vLLM's start would cost more than it saves, and for the
trainers, which decode with the network they hold (`complete`). --endpoint asks servers instead (common/endpoint.py).
"""

import importlib.util
import os
from pathlib import Path

from common import endpoint as servers
from common.cli import UserError
from common.model import (
    DTYPES,
    adapter_dtype,
    context_length,
    fingerprint,
    load_tokenizer,
    local_folder,
    lora_rank,
    release,
    run_time_adapters,
)
from common.passes import whole_weights
from common.sampling import Completion, Sampling, prompt_seed

BATCH = 64  # completions at a time of `generate`, on a CPU as well as on a GPU


def add_engine_flags(parser):
    """--engine, --dtype and --endpoint, of the stages that sample or answer."""
    parser.add_argument(
        "--engine", default="auto", choices=("auto", "vllm", "hf"), help="auto: vllm where it is installed"
    )
    parser.add_argument(
        "--dtype",
        default="auto",
        choices=DTYPES,
        help="dtype of sampling; auto: bfloat16 where the hardware has it",
    )
    servers.add_endpoint_flags(parser)


def choose_engine(name: str, endpoint=None) -> str:
    """'auto' is vllm where it is installed (setup.sh does so), otherwise hf; an endpoint is its own kind."""
    if endpoint:
        return endpoint.kind
    if name != "auto":
        return name
    return "vllm" if importlib.util.find_spec("vllm") else "hf"


class Engine:
    """Models by name behind one `generate`.

    base: folder or Hub name; adapters: {name: adapter folder}. Each adapter folder has merged/ beside it
    (train/merge.py), which is what is loaded where run-time adapters are slow, or of a kind that vLLM refuses. `dtype`
    is then the one really used, which may be another than was asked for.
    """

    def __init__(self, base: str, adapters: dict, kind: str = "auto", dtype: str = "bfloat16", endpoint=None):
        import torch

        self.kind, self.endpoint = choose_engine(kind, endpoint), endpoint
        self.base, self.adapters = base, adapters
        self.on_gpu = torch.cuda.is_available()
        # Whether vLLM applies adapters at run time; else it loads merged weights.
        self.by_request = self.kind == "vllm" and self.on_gpu and run_time_adapters(adapters.values())
        self.dtype = adapter_dtype(dtype) if self.by_request else dtype
        self.loaded, self.model = None, None

    def path(self, name: str) -> str:
        """The folder of full weights for a model name."""
        if name == "base":
            return self.base
        if name not in self.adapters:
            raise UserError(f"no model {name!r} here; there is base, {', '.join(self.adapters)}.")
        return str(Path(self.adapters[name]) / "merged")

    def weights(self, name: str) -> dict:
        """What answers as this model, by hash, for a record: its full weights; where an adapter is applied at run time
        also the base under it, which need not be the one it was merged into."""
        made = {"weights": fingerprint(self.path(name))}
        return made | ({"applied_to": fingerprint(self.base)} if self.by_request and name != "base" else {})

    def tokenizer_path(self, name: str) -> str:
        """The folder of a model's tokenizer: the base reads prompts and stops as its adapters do."""
        return self.path(next(iter(self.adapters))) if name == "base" and self.adapters else self.path(name)

    def require(self, *names):
        """UserError, where servers are asked, unless they answer and have these models."""
        if self.endpoint:
            servers.require(self.endpoint, names)

    def generate(self, name: str, prompts: list, sampling: Sampling, description: str = "") -> list:
        """sampling.n completions for each prompt (a list of token ids), in the prompts' order.

        Raises UserError, before anything is loaded, for a prompt that leaves no room for an answer.
        """
        self._check_lengths(name, prompts)
        if self.endpoint:
            tokenizer = load_tokenizer(self.tokenizer_path(name))
            return servers.complete(self.endpoint, name, tokenizer, prompts, sampling, description)
        if self.kind == "vllm":
            return self._generate_vllm(name, prompts, sampling, description)
        return self._generate_hf(name, prompts, sampling, description)

    def _check_lengths(self, name, prompts):
        limit = context_length(self.path(name))
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

        if self.loaded == name:
            return
        if self.model is not None:  # or two would be in memory
            self.model = self.loaded = None
            release()
        self.model = AutoModelForCausalLM.from_pretrained(
            self.path(name),
            dtype=getattr(torch, self.dtype),
            device_map="cuda" if self.on_gpu else "cpu",
        ).eval()
        self.tokenizer, self.loaded = load_tokenizer(self.tokenizer_path(name)), name

    def _generate_hf(self, name, prompts, sampling, description):
        self._load_hf(name)
        return complete(self.model, self.tokenizer, prompts, sampling, description)

    def _load_vllm(self, name):
        if self.loaded == name:
            return
        for variable, value in vllm_environment(self.on_gpu).items():
            os.environ.setdefault(variable, value)
        from vllm import LLM
        from vllm.distributed.parallel_state import cleanup_dist_env_and_memory

        if self.model is not None:  # or two would be in memory
            self.model.llm_engine.engine_core.shutdown()
            self.model = self.loaded = None
            cleanup_dist_env_and_memory()
        self.model = LLM(
            model=str(local_folder(self.path(name))),  # by a name on the Hub it would fetch, and read, other files
            tokenizer=self.tokenizer_path(name),
            dtype=self.dtype,
            enable_lora=self.by_request,
            max_lora_rank=lora_rank(self.adapters.values()) if self.by_request else 16,
            gpu_memory_utilization=0.85,  # under 22 GB of a 24 GB card: room for the driver and a desktop
            enforce_eager=not self.on_gpu,
            max_model_len=context_length(self.path(name)),
            generation_config="vllm",  # a model's own sampling defaults do not count
            disable_log_stats=True,
            use_tqdm_on_load=False,
            # On a CPU vLLM 0.32 dies of a seeded prompt read in pieces ("CPU Generator does not use offset").
            enable_chunked_prefill=self.on_gpu,
            max_num_batched_tokens=None if self.on_gpu else 8192,
        )
        self.loaded = name

    def _generate_vllm(self, name, prompts, sampling, description):
        from vllm import SamplingParams
        from vllm.lora.request import LoRARequest

        self._load_vllm("base" if self.by_request else name)
        lora = None
        if self.by_request and name != "base":
            lora = LoRARequest(name, 1 + list(self.adapters).index(name), str(self.adapters[name]))
        # Prompts with one beginning, such as a schema, stand next to each other, where it is read once for all.
        order = sorted(range(len(prompts)), key=lambda i: prompts[i])
        parameters = [
            SamplingParams(
                n=sampling.n,
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                seed=prompt_seed(sampling, i),
                max_tokens=sampling.max_new_tokens,
                stop=list(sampling.stop) or None,
            )
            for i in order
        ]
        asked = [{"prompt_token_ids": prompts[i]} for i in order]
        outputs = self.model.generate(asked, parameters, lora_request=lora, use_tqdm=bool(description))
        made = [None] * len(prompts)
        for i, output in zip(order, outputs, strict=True):
            made[i] = [Completion(one.text, list(one.token_ids), one.finish_reason) for one in output.outputs]
        return made


def vllm_environment(on_gpu: bool) -> dict:
    """Variables that vLLM is started with; a user's own values stand."""
    silent = {"VLLM_NO_USAGE_STATS": "1"}
    if on_gpu:
        return silent
    # vLLM keeps one core free by itself, and takes half of the machine's memory.
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    # Without processes of its own it starts in 6 seconds instead of 40: each would import all of it again.
    alone = {"VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
    return {**silent, **alone, "VLLM_CPU_OMP_THREADS_BIND": cores, "VLLM_CPU_KVCACHE_SPACE": "2"}


def complete(network, tokenizer, prompts: list, sampling: Sampling, description: str = "") -> list:
    """sampling.n completions by transformers' `generate` for each prompt (a list of token ids), in the prompts' order.

    In batches of prompts of similar length. A model's own sampling defaults do not count, and each prompt draws from a
    seed of its own, so its samples do not depend on which others it is read with. Raises UserError for a prompt that
    leaves no room for an answer.
    """
    import torch
    from tqdm import tqdm

    context = network.config.get_text_config().max_position_embeddings
    if prompts and (longest := max(map(len, prompts))) >= context:
        raise UserError(f"a prompt of {longest} tokens leaves no room in a context of {context}; shorten it.")
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    rows, was_training = max(1, BATCH // sampling.n), network.training
    made = [None] * len(prompts)
    network.eval()
    bar = tqdm(total=len(prompts), desc=description, unit="prompt", mininterval=2, disable=not description)
    with torch.inference_mode(), whole_weights(network), bar:
        for start in range(0, len(order), rows):
            chosen = order[start : start + rows]
            batch = _complete_batch(network, tokenizer, [prompts[i] for i in chosen], sampling, chosen, context)
            for i, completions in zip(chosen, batch, strict=True):
                made[i] = completions
            bar.update(len(chosen))
    network.train(was_training)
    return made


def _complete_batch(network, tokenizer, prompts, sampling, numbers, context):
    """Completions of prompts that are read together; `numbers` are theirs among all, which decide their seeds."""
    import torch
    from transformers import GenerationConfig

    # LoRA's layers are in the base model, whose own generate knows them; peft's would write a generation config to it.
    model = network.get_base_model() if hasattr(network, "get_base_model") else network
    width, pad = max(map(len, prompts)), tokenizer.pad_token_id
    own, stop_ids = model.generation_config, stop_token_ids(model.generation_config, tokenizer)
    ids = torch.tensor([[pad] * (width - len(p)) + p for p in prompts], device=model.device)
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=model.device)
    known = {"past_key_values": _read_prompts(model, ids, mask, sampling.n)} if sampling.n > 1 and width > 1 else {}
    model.generation_config = GenerationConfig()  # generate fills from it what it is not told
    try:
        made = model.generate(
            ids.repeat_interleave(sampling.n, 0),
            attention_mask=mask.repeat_interleave(sampling.n, 0),
            **known,
            max_new_tokens=min(sampling.max_new_tokens, context - width),
            do_sample=False,  # the processors draw
            logits_processor=_processors(sampling, numbers, model.device),
            eos_token_id=stop_ids,
            pad_token_id=pad,
            stop_strings=list(sampling.stop) or None,
            tokenizer=tokenizer if sampling.stop else None,
            use_cache=True,
        )[:, width:].tolist()
    finally:
        model.generation_config = own
    read = [_read(tokenizer, row, sampling, stop_ids) for row in made]
    return [read[i : i + sampling.n] for i in range(0, len(read), sampling.n)]


def _read_prompts(model, ids, mask, n):
    """The cache of all but the last token of each left-padded prompt, n times: read once for all its samples."""
    from transformers import DynamicCache

    cache, positions = DynamicCache(config=model.config), (mask.cumsum(-1) - 1).clamp(min=0)
    seen = {"attention_mask": mask[:, :-1], "position_ids": positions[:, :-1]}
    model(input_ids=ids[:, :-1], past_key_values=cache, use_cache=True, logits_to_keep=1, **seen)
    cache.batch_repeat_interleave(n)
    return cache


def stop_token_ids(generation_config, tokenizer) -> list:
    """Ids that end a completion: the base's own list may lack the token that ends a turn in the chat template."""
    ends = generation_config.eos_token_id
    return sorted({tokenizer.eos_token_id, *(ends if isinstance(ends, list) else [ends])} - {None})


def _processors(sampling, numbers, device):
    """What turns logits into ones whose largest is the token drawn; nothing for greedy decoding.

    The largest of logit + Gumbel noise is a draw from the softmax, which costs what `generate`'s own sampling does,
    but can have a generator for each prompt.
    """
    import torch
    from transformers import LogitsProcessor, LogitsProcessorList, TemperatureLogitsWarper, TopPLogitsWarper

    class Draw(LogitsProcessor):
        """Holds the generators, one for the rows of each prompt."""

        def __init__(self):
            self.generators = [torch.Generator(device).manual_seed(prompt_seed(sampling, i)) for i in numbers]

        def __call__(self, input_ids, scores):
            noise = torch.empty_like(scores)
            for part, generator in zip(noise.split(sampling.n), self.generators, strict=True):
                part.exponential_(generator=generator)
            return scores - noise.clamp_(min=torch.finfo(noise.dtype).tiny).log_()

    if sampling.temperature == 0:
        return None
    steps = [TemperatureLogitsWarper(sampling.temperature)] if sampling.temperature != 1 else []
    steps += [TopPLogitsWarper(sampling.top_p)] if sampling.top_p < 1 else []
    return LogitsProcessorList([*steps, Draw()])


def _read(tokenizer, row, sampling, stop_ids) -> Completion:
    """What one row of `generate` says, up to its stop token, or to the padding after a stop string."""
    end = next((place for place, token in enumerate(row, 1) if token in stop_ids), None)
    ids, text = row[:end], tokenizer.decode(row[:end], skip_special_tokens=True)
    cuts = [text.find(stop) for stop in sampling.stop if stop in text]
    while cuts and ids[-1] == tokenizer.pad_token_id:
        ids.pop()
    return Completion(text[: min(cuts)] if cuts else text, ids, "stop" if end or cuts else "length")
