"""python data/deid.py IN OUT

Replaces what identifies people in rows of JSONL by pseudonyms such as [EMAIL_ADDRESS_3], one value having one pseudonym
throughout, and counts what it found by entity; Presidio looks (uv pip install -r requirements-deid.txt). Without
--model only patterns are found (addresses of mail, numbers of phones, cards, accounts, networks), and no name of a
person or place. Reads IN, writes OUT; with --dry_run nothing. What it overlooks stays in: have a look at OUT.
  python data/deid.py mine.jsonl --dry_run
  python data/deid.py mine.jsonl clean.jsonl --model en_core_web_md
  python data/deid.py tests/fixtures/deid.jsonl --check      what it misses of labelled sentences
"""

import json
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ when run by hand

from common import cli, files

# Texts of a row in any of the forms that are trained on; ids and names of models stay as they are.
TEXTS = ("system", "prompt", "completion", "chosen", "rejected", "content", "value", "instruction", "input", "output",
         "text")  # fmt: skip
PATTERNS = ("CREDIT_CARD", "CRYPTO", "EMAIL_ADDRESS", "IBAN_CODE", "IP_ADDRESS", "MAC_ADDRESS", "PHONE_NUMBER",
            "UK_NHS", "US_SSN")  # fmt: skip
NAMED = ("LOCATION", "PERSON")  # only a language model can tell them
LANGUAGE = "en"


def parse_args(argv=None):
    parser = cli.plain_parser(__doc__)
    parser.add_argument("file", help="JSONL")
    parser.add_argument("target", nargs="?", default=None, help="JSONL to write")
    parser.add_argument("--dry_run", action="store_true", help="count only")
    parser.add_argument("--model", default=None, help="name or folder of an installed spaCy model of English")
    parser.add_argument(
        "--entities", nargs="+", default=None, metavar="NAME", help=f"default: {', '.join(PATTERNS + NAMED)}"
    )
    parser.add_argument("--score", type=float, default=0.4, help="least confidence of a finding, from 0 to 1")
    parser.add_argument(
        "--map", default=None, metavar="FILE", help="JSON that keeps the pseudonyms for further files; it names people"
    )
    parser.add_argument("--check", action="store_true", help="FILE is labelled: report what is missed, write nothing")
    args = cli.within(parser.parse_args(argv), score=(0, 1))
    if not (args.target or args.dry_run or args.check):
        raise cli.UserError("name a second file to write to, or say --dry_run.")
    if args.target and Path(args.target).resolve() == Path(args.file).resolve():
        raise cli.UserError(f"{args.target} is the file that is read; name another one, so that nothing is lost.")
    return args


def load_analyzer(args) -> tuple:
    """(Presidio's analyzer, the entities that it is asked for); UserError where either is not to be had.

    Without --model it gets an empty pipeline: patterns need words, not a language model.
    """
    try:
        import spacy
        import tldextract.tldextract
        from presidio_analyzer import AnalyzerEngine
        from presidio_analyzer.nlp_engine import SpacyNlpEngine
        from presidio_analyzer.predefined_recognizers import SpacyRecognizer
    except ImportError:
        raise cli.UserError("Presidio is not installed; run uv pip install -r requirements-deid.txt.") from None
    # The list of suffixes that the package has: the default fetches one from the network for the first address.
    offline = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    tldextract.extract = tldextract.tldextract.extract = offline
    try:
        pipeline = spacy.load(args.model) if args.model else spacy.blank(LANGUAGE)
    except OSError as error:
        said = " ".join(str(error).split())[:120].rstrip(".")
        raise cli.UserError(f"no spaCy model can be loaded from {args.model} ({said}).") from None
    engine = SpacyNlpEngine(models=[{"lang_code": LANGUAGE, "model_name": args.model or "blank"}])
    engine.nlp = {LANGUAGE: pipeline}
    analyzer = AnalyzerEngine(nlp_engine=engine, supported_languages=[LANGUAGE])
    able = [one for one in analyzer.get_recognizers(LANGUAGE) if args.model or not isinstance(one, SpacyRecognizer)]
    known = {name for one in able for name in one.supported_entities}
    entities = tuple(args.entities or (PATTERNS + NAMED if args.model else PATTERNS))
    for name in entities:
        if name not in known:
            raise cli.UserError(f"--entities: no {name!r} here{cli.nearest(name, known)}; {', '.join(sorted(known))}.")
    return analyzer, entities


def findings(analyzer, entities, text: str, score: float) -> list:
    """[(entity, start, end)] of a text from left to right; of two that overlap, the surer and then the longer one."""
    found = analyzer.analyze(text, LANGUAGE, entities=list(entities), score_threshold=score)
    kept = []
    for one in sorted(found, key=lambda one: (-one.score, one.start - one.end, one.start, one.entity_type)):
        if all(one.end <= start or one.start >= end for _, start, end in kept):
            kept.append((one.entity_type, one.start, one.end))
    return sorted(kept, key=lambda one: one[1])


def pseudonym(names: dict, entity: str, value: str) -> str:
    """The pseudonym of a value, a new number for a new one; case and blanks make no other value."""
    known = names.setdefault(entity, {})
    number = known.setdefault("".join(value.casefold().split()), len(known) + 1)
    return f"[{entity}_{number}]"


def replace(text: str, found: list, names: dict) -> str:
    """The text with a pseudonym for each finding."""
    parts, end = [], 0
    for entity, start, stop in found:
        parts += [text[end:start], pseudonym(names, entity, text[start:stop])]
        end = stop
    return "".join([*parts, text[end:]])


def rewrite(value, change, key=""):
    """A JSON value with `change` applied to each of its TEXTS."""
    if isinstance(value, str):
        return change(value) if key in TEXTS else value
    if isinstance(value, list):
        return [rewrite(item, change, key) for item in value]
    if isinstance(value, dict):
        return {name: rewrite(item, change, name) for name, item in value.items()}
    return value


def read_map(path) -> dict:
    """The pseudonyms of earlier files, {entity: {value: number}}."""
    names = files.read_json(path) if path and Path(path).is_file() else {}
    if not isinstance(names, dict) or not all(isinstance(known, dict) for known in names.values()):
        raise cli.UserError(f"{path} is no map of this script; name another file by --map.")
    return names


def labelled_rows(path) -> list:
    """The rows of a labelled file; UserError naming file and row for labels that are none."""
    rows = files.read_jsonl(path, ("text", "entities"), texts=("text",))
    for i, row in enumerate(rows, 1):
        labels = row["entities"] if isinstance(row["entities"], list) else [None]
        if not all(isinstance(one, dict) and {"type", "value"} <= set(one) for one in labels):
            raise cli.UserError(f"{path}: entities of row {i} must be a list of objects, each with type and value.")
    return rows


def check(args, analyzer, entities):
    """Print recall by entity and every miss of labelled rows: {"text", "entities": [{"type", "value"}]}."""
    due, hit, wrong, missed = Counter(), Counter(), Counter(), []
    rows = labelled_rows(args.file)
    for row in rows:
        found = {(entity, row["text"][start:end])
                 for entity, start, end in findings(analyzer, entities, row["text"], args.score)}  # fmt: skip
        labelled = {(one["type"], one["value"]) for one in row["entities"]}
        for entity, value in sorted(labelled):
            due[entity] += 1
            hit[entity] += (entity, value) in found
            if (entity, value) not in found:
                missed.append(f"missed {entity} {value!r} in: {row['text']}")
        for entity, value in sorted(found - labelled):
            wrong[entity] += 1
            missed.append(f"wrong {entity} {value!r} in: {row['text']}")
    print("\n".join(missed))
    for entity in sorted(due | wrong):
        print(f"{entity}: {hit[entity]} of {due[entity]} found, {wrong[entity]} wrong")
    print(f"{len(rows)} sentences: {hit.total()} of {due.total()} found, {wrong.total()} wrong findings")


def main(args):
    from tqdm import tqdm

    started = time.time()
    rows = [row for _, row in files.numbered_rows(args.file)]
    names = read_map(args.map)
    analyzer, entities = load_analyzer(args)
    if not args.model:
        print("note: no --model, so only patterns are looked for; names of people and places stay in.")
    if args.check:
        return check(args, analyzer, entities)
    counts, made = Counter(), []

    def change(text):
        found = findings(analyzer, entities, text, args.score)
        counts.update(entity for entity, _, _ in found)
        return replace(text, found, names)

    for row in tqdm(rows, desc="look", unit="row", mininterval=2):
        made.append(rewrite(row, change))
    touched = sum(one != row for one, row in zip(made, rows, strict=True))
    for entity in sorted(counts):
        print(f"{entity}: {counts[entity]} findings, {len(names[entity])} values")
    if args.dry_run:
        print(f"{touched} of {len(rows)} rows would change, in {time.time() - started:.0f} s; nothing was written.")
        return None
    files.write_jsonl(args.target, made)
    if args.map:
        with files.replacing(args.map) as temporary:
            temporary.touch(0o600)  # it says who is who
            temporary.write_text(json.dumps(names, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"wrote {len(made)} rows, {touched} of them changed, to {args.target} in {time.time() - started:.0f} s")


if __name__ == "__main__":
    cli.run(main, parse_args)
