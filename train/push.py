"""python train/push.py OWNER/NAME --base_model OWNER/BASE --dry_run

Publishes the trained adapter (or with --merged the merged model) on the Hub, with its model card and the evaluation
report. --dry_run lists the files and their sizes and sends nothing. Refuses a card that names no licence or no base
that others can fetch. Reads out/dpo (or --adapter), MODEL_CARD.md and EVAL_REPORT.md; the token is that of
`hf auth login` or HF_TOKEN.
"""

import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ when run by hand

from common import cli, files, model

SENT = (".safetensors", ".json", ".jinja", ".model")  # weights, settings, tokenizer; nothing that could run code
KEPT = ("run.json", "log.json", "kl.json", "check.json", "made_with.json")  # of this machine, or in the report
IMAGE = re.compile(r"!\[[^\]]*\]\(([^)\s]+\.png)\)")


def parse_args(argv=None):
    parser = cli.parser(__doc__, "push")
    parser.add_argument("repo", nargs="?", default="", help="name on the Hub, OWNER/NAME")
    parser.add_argument("--adapter", default=None, metavar="DIR", help="adapter folder (default: out/dpo)")
    parser.add_argument("--merged", action=cli.Switch, default=False, help="the merged model instead of the adapter")
    parser.add_argument("--base_model", default=None, help="the base's name on the Hub (default: the card's)")
    parser.add_argument("--license", default=None, help="licence of what is published (default: the card's)")
    parser.add_argument("--private", action=cli.Switch, default=True, help="a repository that only you can see")
    parser.add_argument("--dry_run", action=cli.Switch, default=False, help="list what would be sent, send nothing")
    return cli.parse(parser, argv)


def read_card(path, args):
    """The model card with --license, --base_model and the repository's kind in its metadata.

    UserError for metadata that huggingface_hub does not read, and without licence or base.
    """
    import yaml
    from huggingface_hub import ModelCard

    try:
        card = ModelCard(path.read_text(encoding="utf-8"))
    except (ValueError, yaml.YAMLError) as error:
        said = " ".join(str(error).split())[:200].rstrip(".")
        raise cli.UserError(f"the metadata at the head of {path} cannot be read ({said}); mend it.") from None
    card.data.license, card.data.base_model = args.license or card.data.license, args.base_model or card.data.base_model
    card.data.library_name = "transformers" if args.merged else "peft"
    if card.data.license in (None, "", "unknown", "other"):
        raise cli.UserError(
            f"{path} names no licence ({card.data.license or 'none'}); an adapter has its base's: say it by --license."
        )
    base = card.data.base_model
    if not isinstance(base, str) or base.count("/") != 1 or (files.ROOT / base).exists() or Path(base).exists():
        raise cli.UserError(
            f"{path} names the base {base!r}, which nobody else can fetch; say its name on the Hub by --base_model "
            "OWNER/NAME."
        )
    return card


def cleaned(path, own, base) -> bytes:
    """A JSON file with the base's name on the Hub where it has this machine's path or name of it."""
    text = path.read_text(encoding="utf-8")
    for name in (own, str(files.ROOT / own)):
        text = text.replace(f'"{name}"', f'"{base}"')
    return text.encode()


def collect(folder, card, report, own) -> dict:
    """{path in the repository: a file, or bytes}: the model's files, the card as README.md, the report, its plots."""
    made = {}
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix in SENT and path.name not in KEPT:
            made[path.name] = cleaned(path, own, card.data.base_model) if path.suffix == ".json" else path
    made["README.md"] = str(card).encode()
    text = report.read_text(encoding="utf-8")
    made[report.name] = report
    for name in IMAGE.findall(text):
        if (report.parent / name).is_file():
            made[name] = report.parent / name
    return made


def size_of(content) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def send(args, card, content) -> str:
    """Validate the card, make the repository when it is new, and send everything as one commit; returns its address."""
    import logging

    import httpx2  # what huggingface_hub asks the Hub with
    from huggingface_hub import CommitOperationAdd, HfApi, errors

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    api = HfApi()
    try:
        card.validate(repo_type="model")
        api.create_repo(args.repo, private=args.private, exist_ok=True)
        operations = [
            CommitOperationAdd(name, what if isinstance(what, bytes) else str(what)) for name, what in content.items()
        ]
        return api.create_commit(args.repo, operations, commit_message="Model, card and evaluation").commit_url
    except ValueError as error:
        said = " ".join(str(error).split())[:200].rstrip(".")
        raise cli.UserError(f"the Hub does not take the card of {args.repo} ({said}); mend its metadata.") from None
    except (httpx2.TransportError, errors.OfflineModeIsEnabled):
        raise cli.UserError("the Hub cannot be reached; nothing was sent. Try again when it can.") from None
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise cli.UserError(
                f"the Hub does not let you write to {args.repo} ({status}); log in with `hf auth login`, or set "
                "HF_TOKEN to a token that may write there."
            ) from None
        said = " ".join(str(error).split())[:150].rstrip(".")
        raise cli.UserError(f"the Hub did not take {args.repo} ({said}); try again later.") from None


def main(args):
    started = time.time()
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", args.repo):
        raise cli.UserError(f"{args.repo or 'nothing'} is no name on the Hub; give OWNER/NAME.")
    adapter = Path(args.adapter) if args.adapter else args.out / "dpo"
    lineage = model.read_lineage(adapter)
    if args.merged:
        again = f"python train/merge.py --adapter {adapter}"
        if files.read_json(adapter / "merged/lineage.json", again)["adapter_sha256"] != lineage["adapter_sha256"]:
            raise cli.UserError(f"{adapter / 'merged'} was merged from an earlier adapter; run {again}.")
    card_path, report = (files.product(args, name) for name in ("MODEL_CARD.md", "EVAL_REPORT.md"))
    for path in (card_path, report):
        if not path.is_file():
            raise cli.UserError(f"there is no {path}; run python eval/report.py{args.command_tail}.")
    card = read_card(card_path, args)
    content = collect(adapter / "merged" if args.merged else adapter, card, report, lineage["base"])
    for name, what in content.items():
        print(f"{size_of(what) / 2**20:10.2f} MiB  {name}")
    total = sum(map(size_of, content.values())) / 2**20
    told = f"{len(content)} files, {total:.1f} MiB, licence {card.data.license}, base {card.data.base_model}"
    if args.dry_run:
        print(f"{told}; nothing was sent; next: the same command without --dry_run")
        return
    address = send(args, card, content)
    print(f"{told}; sent in {time.time() - started:.0f} s: {address}")


if __name__ == "__main__":
    cli.run(main, parse_args)
