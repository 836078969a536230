"""python serve/hf.py

`transformers serve` for one adapter, applied at run time over its base: what serve/launch.py --engine hf starts where
vLLM has no build. It answers the routes that serve/guard.py leaves open and no others, refuses other models' names and
what is longer than the context, and generates one answer after the other: for trying out, not for many users.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ when run by hand

from common import cli, model
from serve import guard, launch


def parse_args(argv=None):
    parser = cli.plain_parser(__doc__)
    parser.add_argument("base", help="the weights that the adapter was trained on")
    parser.add_argument("adapter", help="adapter folder with its tokenizer; its name is the model's")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--dtype", default="float32", choices=[name for name in model.DTYPES if name != "auto"])
    parser.add_argument("--max_model_len", type=int, default=4096, help="longest prompt with answer in tokens")
    return cli.within(parser.parse_args(argv), max_model_len=(2, None))


def load(args) -> tuple:
    """(the base with the adapter over it, the adapter's tokenizer)."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(args.base, dtype=getattr(torch, args.dtype), device_map="auto")
    tokenizer = model.load_tokenizer(args.adapter)
    network = PeftModel.from_pretrained(network, args.adapter, autocast_adapter_dtype=False).eval()
    # The base's own list may lack the token that ends a turn in the chat template, and may ask for sampling.
    network.generation_config.eos_token_id = tokenizer.eos_token_id
    network.generation_config.pad_token_id = tokenizer.pad_token_id
    return network, tokenizer


def build_app(args):
    """transformers' own application with one model, a limit of length, and the guard in front."""
    from fastapi import HTTPException
    from transformers.cli.serving.chat_completion import ChatCompletionHandler
    from transformers.cli.serving.completion import CompletionHandler
    from transformers.cli.serving.model_manager import ModelManager
    from transformers.cli.serving.server import build_server
    from transformers.cli.serving.utils import GenerateManager, GenerationState

    network, tokenizer = load(args)
    name = Path(args.adapter).name

    class OneModel(ModelManager):
        """What is asked for is this model, or an error: transformers' own manager reads configs of whole models."""

        def _load_processor(self, *given, **more):
            return tokenizer

        def _load_model(self, *given, **more):
            return network

        def get_gen_models(self):
            return [{"id": name, "object": "model", "owned_by": "local", "max_model_len": args.max_model_len}]

    class Limited(GenerateManager):
        """Refuses a prompt that leaves no room for an answer, and ends an answer at the limit."""

        def room(self, inputs, config):
            left = args.max_model_len - inputs["input_ids"].shape[-1]
            if left < 1:
                asked = f"the prompt has {args.max_model_len - left} tokens"
                raise HTTPException(400, f"{asked}; with its answer the model reads at most {args.max_model_len}.")
            config.max_new_tokens = min(config.max_new_tokens, left)

        def generate_streaming(self, network, processor, inputs, gen_config, **more):
            self.room(inputs, gen_config)
            return super().generate_streaming(network, processor, inputs, gen_config, **more)

        async def generate_non_streaming(self, network, processor, inputs, gen_config, **more):
            self.room(inputs, gen_config)
            return await super().generate_non_streaming(network, processor, inputs, gen_config, **more)

    manager, state, one = OneModel(force_model=name), GenerationState(), Limited()
    state.get_manager = lambda *given, **more: one
    handlers = [
        kind(model_manager=manager, generation_state=state) for kind in (ChatCompletionHandler, CompletionHandler)
    ]
    app = build_server(manager, handlers[0], handlers[1], None, None, state)
    app.router.routes[:] = [route for route in app.router.routes if route.path in guard.OPEN]
    return guard.Guard(app)


def main(args):
    import uvicorn

    launch.check_address(args.host, args.port)  # before the model is loaded
    os.environ[guard.HOST] = args.host  # whatever was there: the guard has to know where this server listens
    uvicorn.run(build_app(args), host=args.host, port=args.port, access_log=False, log_level="info")


if __name__ == "__main__":
    cli.run(main, parse_args)
