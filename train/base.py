"""python train/base.py

Pre-trains the small base on generated text and writes models/nano (weights, tokenizer, README with its loss curve).
The model ships with the repository, so users skip this stage; it is here so that the base can be made again.
Reads nothing; writes --model_dir. A killed run goes on from its last checkpoint under --out/base.
"""

import json
import math
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import cli, files, skills
from common.domain import load_domain

# Pieces that byte-pair encoding never crosses: small words between others (" of the "), a word, a digit, a newline,
# a letter that stands alone (" A"), or what lies up to the next of these (" INTEGER, ").
SMALL = "a|all|an|and|are|by|each|for|has|have|in|is|of|on|or|per|than|that|the|to|what|which|whose|with"
LETTER = r" ?(?<![A-Za-z])[A-Z](?![A-Za-z])"
PIECES = (
    rf" (?:(?:{SMALL}) )+|[A-Z]?[a-z]+|[0-9]|\n|{LETTER}"
    rf"|[^a-z0-9\n]+?(?= (?:{SMALL}) |{LETTER}|[A-Z]?[a-z]|[0-9]|\n|$)"
)
END, PAD, OPEN, CLOSE = "<|endoftext|>", "<|pad|>", "<|im_start|>", "<|im_end|>"
# ChatML. Control tokens inside a message are broken up, so that no message can open or close a turn.
TEMPLATE = (
    "{% for message in messages %}{% if not loop.first %}{{ '\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' "
    "+ (message['content'] | replace('<|', '< |')) + '<|im_end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '\n<|im_start|>assistant\n' }}{% endif %}"
)


def parse_args(argv=None):
    parser = cli.parser(__doc__, "base")
    parser.add_argument("--model_dir", default="models/nano", help="folder to write")
    parser.add_argument("--hidden_size", type=int, default=256)
    parser.add_argument("--num_hidden_layers", type=int, default=5)
    parser.add_argument("--vocab_size", type=int, default=2048, help="byte-level BPE, digits split one by one")
    parser.add_argument("--documents", type=int, default=96000, help="domain documents in the corpus")
    parser.add_argument("--sequence_length", type=int, default=384, help="tokens per row; documents are concatenated")
    parser.add_argument("--batch_size", type=int, default=6, help="rows per step")
    parser.add_argument(
        "--learning_rate", type=float, default=2e-3, help="peak, after 3 %% warm-up, then cosine to a tenth"
    )
    parser.add_argument(
        "--minutes", type=float, default=45.0, help="wall-clock bound on training; the schedule follows it"
    )
    parser.add_argument("--save_minutes", type=float, default=4.0, help="minutes between checkpoints")
    return cli.parse(parser, argv)


def chat_documents(rng, n):
    """Short talk in the chat format that uses every special token and never shows the domain's task."""
    greetings = (
        ("Hello.", "Hello, how can I help?"),
        ("Thank you.", "You are welcome."),
        ("Who are you?", "I am a small language model."),
        ("Can you help me?", "Sure, what do you need?"),
    )
    documents = []
    for _ in range(n):
        ask, answer = rng.choice(greetings)
        system = rng.choice(
            ("", f"{OPEN}system\nYou are a helpful assistant.{CLOSE}\n", f"{OPEN}system\nBe brief.{CLOSE}\n")
        )
        if rng.random() < 0.7:
            word = rng.choice(
                ("lamp", "river", "seven", "green", "table", "north", "query", "schema", "column", "sentence")
            )
            ask, answer = rng.choice(
                (
                    (f"Say {word}.", word),
                    (f"Repeat: {word}", word),
                    (f"Which word is it: {word}?", f"The word is {word}."),
                )
            )
        documents.append(f"{system}{OPEN}user\n{ask}{CLOSE}\n{OPEN}assistant\n{answer}{CLOSE}")
    return documents


def make_corpus(args, domain):
    """Domain documents, general skills and a little chat, shuffled."""
    rng = random.Random(args.seed)
    documents = domain.corpus(rng, args.documents)
    documents += skills.make_corpus(rng, args.documents // 4)
    documents += chat_documents(rng, args.documents // 40)
    rng.shuffle(documents)
    return documents


def make_tokenizer(args, documents):
    """Byte-level BPE and the chat template.

    A word has the same tokens after a space, an underscore or a bracket, and digits stand alone: names and numbers
    are copied exactly by copying tokens. What lies between words (" INTEGER, ", " WHERE ") may become one token.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=args.vocab_size,
        special_tokens=[PAD, END, OPEN, CLOSE],
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(documents[:20000], trainer)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=CLOSE,
        additional_special_tokens=[END, OPEN],
        clean_up_tokenization_spaces=False,
        model_max_length=1024,
    )
    wrapped.chat_template = TEMPLATE
    return wrapped


def make_rows(args, documents, tokenizer):
    """The corpus as one tensor (rows, sequence_length + 1), documents separated by the end-of-text token."""
    import torch

    end = tokenizer.convert_tokens_to_ids(END)
    flat = []
    for start in range(0, len(documents), 4096):
        for ids in tokenizer(documents[start : start + 4096], add_special_tokens=False, verbose=False)["input_ids"]:
            flat += ids + [end]
    width = args.sequence_length + 1
    count = len(flat) // width
    return torch.tensor(flat[: count * width], dtype=torch.int32).view(count, width)


def make_model(args, tokenizer):
    """A bias-free Llama with tied embeddings; random weights from the seed."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(args.seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=args.hidden_size,
        intermediate_size=args.hidden_size * 11 // 4,
        num_hidden_layers=args.num_hidden_layers,
        num_attention_heads=max(1, args.hidden_size // 64),
        num_key_value_heads=max(1, args.hidden_size // 128),
        head_dim=64,
        attn_implementation="eager",  # the flash kernel of a CPU takes a tenth longer on short rows
        tie_word_embeddings=True,
        max_position_embeddings=1024,
        attention_bias=False,
        mlp_bias=False,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def schedule(share):
    """Learning rate as a share of its peak: linear warm-up over 3 %, then cosine to a tenth."""
    return share / 0.03 if share < 0.03 else 0.1 + 0.45 * (1 + math.cos(math.pi * (share - 0.03) / 0.97))


def make_optimizer(args, model):
    """(fp32 copies of the weights, AdamW over them); the model itself is turned to bf16.

    The model computes in bf16, the optimizer moves the copies, since bf16 would swallow small steps.
    """
    import torch

    masters = [weight.detach().clone().requires_grad_() for weight in model.parameters()]
    model.to(torch.bfloat16)
    matrices, vectors = [m for m in masters if m.dim() > 1], [m for m in masters if m.dim() == 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    return masters, torch.optim.AdamW(groups, lr=args.learning_rate, betas=(0.9, 0.95))


def train_step(model, masters, optimizer, batch):
    """One step on a batch of rows (rows, length + 1); returns the loss in nats per token."""
    import torch

    with torch.no_grad():
        for weight, master in zip(model.parameters(), masters, strict=True):
            weight.copy_(master)
    logits = model(input_ids=batch[:, :-1], use_cache=False).logits
    loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), batch[:, 1:].flatten())
    loss.backward()
    for weight, master in zip(model.parameters(), masters, strict=True):
        master.grad, weight.grad = weight.grad.float(), None
    torch.nn.utils.clip_grad_norm_(masters, 1.0)
    optimizer.step()
    return loss.item()


def load_checkpoint(path, masters, optimizer):
    """(step, seconds spent, log) of a killed run, whose weights are put in place; zeros without one."""
    import torch

    if not path.is_file():
        return 0, 0.0, []
    state = torch.load(path, weights_only=True)
    for master, saved in zip(masters, state["masters"], strict=True):
        master.data.copy_(saved)
    optimizer.load_state_dict(state["optimizer"])
    print(f"goes on from {path} at step {state['step']}")
    return state["step"], state["seconds"], [tuple(item) for item in state["log"]]


def train(args, model, rows, folder):
    """Train until the time or the rows are used up; returns [(step, tokens, loss)] and the seconds spent."""
    import torch
    from tqdm import tqdm

    masters, optimizer = make_optimizer(args, model)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(args.seed))
    checkpoint = folder / "checkpoint.pt"
    step, spent, log = load_checkpoint(checkpoint, masters, optimizer)
    total, limit, recent = len(rows) // args.batch_size, args.minutes * 60, []
    started, saved = time.time() - spent, time.time()

    def note():
        log.append((step, step * args.batch_size * args.sequence_length, sum(recent) / len(recent)))
        recent.clear()

    bar = tqdm(total=round(limit), initial=round(spent), unit="s", desc="pre-training", mininterval=5)
    while step < total and time.time() - started < limit:
        share = max((time.time() - started) / limit, step / total)
        for group in optimizer.param_groups:
            group["lr"] = args.learning_rate * schedule(min(share, 1.0))
        batch = rows[order[step * args.batch_size : (step + 1) * args.batch_size]].long()
        recent.append(train_step(model, masters, optimizer, batch))
        step += 1
        if step % 200 == 0:
            note()
            bar.set_postfix(loss=f"{log[-1][2]:.3f}", step=step)
            bar.update(round(time.time() - started) - bar.n)
        if time.time() - saved > args.save_minutes * 60:
            folder.mkdir(parents=True, exist_ok=True)
            state = {"masters": masters, "optimizer": optimizer.state_dict(), "step": step, "log": log}
            with files.replacing(checkpoint) as temporary:
                torch.save({**state, "seconds": time.time() - started}, temporary)
            saved = time.time()
    if recent:
        note()
    with torch.no_grad():
        for weight, master in zip(model.parameters(), masters, strict=True):
            weight.copy_(master)
    return log, time.time() - started


def write_model(args, model, tokenizer, folder):
    """bf16 safetensors, tokenizer and a generation config that stops at the end of the turn."""
    import torch
    from transformers import GenerationConfig

    model.generation_config = GenerationConfig(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def write_readme(folder, args, log, seconds, tokens, parameters):
    """The model's README and loss curve, from the figures of this run."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3))
    axes.plot([item[1] / 1e6 for item in log], [item[2] for item in log])
    axes.set(xlabel="million tokens", ylabel="loss (nats per token)", title="models/nano, pre-training loss")
    figure.tight_layout()
    figure.savefig(folder / "loss.png", dpi=90, metadata={"Software": None})
    files.write_json(folder / "loss.json", [{"step": s, "tokens": t, "loss": round(x, 4)} for s, t, x in log])
    files.write_text(
        folder / "README.md",
        f"""# models/nano

A bias-free Llama-architecture model with {parameters / 1e6:.2f} M parameters (hidden {args.hidden_size}, \
{args.num_hidden_layers} layers, vocabulary {args.vocab_size}, digits split), made by `python train/base.py` on two \
CPU cores in {seconds / 60:.0f} minutes. It exists so that the whole pipeline runs for real without a network.

- **Corpus**: {tokens / 1e6:.1f} M tokens seen, all generated: schemas with commented queries (most of them over \
invented words), plain-text general skills with some multiple choice over its own facts, a little chat that uses the \
special tokens. It shares table families and phrases only with the SFT split, never with the preference, dev or test \
splits, and never shows the task's own format.
- **Loss**: {log[0][2]:.2f} after {log[0][0]} steps, {log[-1][2]:.3f} at the end (step {log[-1][0]}); \
`loss.json` has the curve.

![loss](loss.png)

- **Limits**: it knows nothing but this: English of the generated kind, small SQL, the facts in `common/skills.py`. \
It is no assistant and no base for another domain; use `recipes/` for a real model.
- **Licence**: the repository's own; no outside data was used.
""",
    )


def main(args):
    started = time.time()
    domain = load_domain(args.domain)
    work, target = args.out / "base", Path(args.model_dir)
    print("making the corpus ...", flush=True)
    documents = make_corpus(args, domain)
    tokenizer = make_tokenizer(args, documents)
    rows = make_rows(args, documents, tokenizer)
    print(f"{len(documents)} documents, {rows.numel() / 1e6:.1f} M tokens, {time.time() - started:.0f} s", flush=True)
    model = make_model(args, tokenizer)
    parameters = sum(p.numel() for p in model.parameters())
    log, seconds = train(args, model, rows, work)
    write_model(args, model, tokenizer, target)
    write_readme(target, args, log, seconds, log[-1][1], parameters)
    files.write_run_record(
        target,
        args,
        started,
        counts={
            "documents": len(documents),
            "tokens": log[-1][1],
            "parameters": parameters,
            "loss": round(log[-1][2], 4),
        },
    )
    (work / "checkpoint.pt").unlink(missing_ok=True)
    print(json.dumps({"loss": round(log[-1][2], 4), "tokens": log[-1][1], "seconds": round(seconds)}))
    print(f"wrote {target}; next: python data/gen_sft.py{args.command_tail}")


if __name__ == "__main__":
    cli.run(main, parse_args)
