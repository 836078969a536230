"""Rows of a file of one's own, whatever keeps them: JSONL, one JSON array, CSV or TSV, Parquet, each also in gzip."""

import csv
import io
import json
from collections import Counter
from pathlib import Path

from common import files
from common.cli import UserError

SEPARATORS = ",;\t"
PARTS = {"role", "from", "output"}  # by which a JSON text in a table is seen to be messages or instances


def own_rows(path, made_by: str = "") -> list:
    """[(where, name, row)]: what an error calls the row, its id or else its number, and the row itself.

    Raises UserError as files.numbered_rows does, naming the row for what is malformed.
    """
    data = files.content(path, made_by)
    form = files.other_form(data) or ""
    if form == files.PARQUET:
        found = [(f"{path}: row {i}", f"row-{i}", row) for i, row in enumerate(parquet_rows(data, path), 1)]
    elif form == files.ARRAY:
        found = [(f"{path}: item {i}", f"item-{i}", row) for i, row in enumerate(array_items(data, path), 1)]
    elif form.startswith(files.TABLE) or (form.startswith(files.TEXT) and is_named_table(path)):
        found = [(f"{path}:{i}", f"line-{i}", row) for i, row in table_lines(data, path)]
    else:
        found = [(f"{path}:{i}", f"line-{i}", row) for i, row in files.numbered_rows(path, made_by)]
    if not found:
        raise UserError(f"{path} has no row.")
    check_ids(found)
    return [(where, name if row.get("id") is None else row["id"], row) for where, name, row in found]


def is_named_table(path) -> bool:
    """Whether a file calls itself a table: its header may be one name, without a separator."""
    return not {".csv", ".tsv"}.isdisjoint(suffix.lower() for suffix in Path(path).suffixes)


def check_ids(found: list):
    """UserError when an id is no text or number, or comes twice."""
    seen = {}
    for where, _, row in found:
        name = row.get("id")
        if name is None:
            continue
        if isinstance(name, bool) or not isinstance(name, (str, int, float)):
            raise UserError(f"{where}: id is {files.kind_of(name)}; it must be text or a number.")
        if name in seen:
            raise UserError(f"{where} repeats the id {name!r} of {seen[name]}; ids must be unique.")
        seen[name] = where


def parquet_rows(data: bytes, path) -> list:
    """Rows of a Parquet file; what JSON has no word for (dates, bytes) comes as text."""
    import pyarrow
    from pyarrow import parquet

    try:
        rows = parquet.read_table(pyarrow.BufferReader(data)).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(
            f"{path} is Parquet that cannot be read ({first_line(error)}); make or fetch it again."
        ) from None
    return json.loads(json.dumps(rows, default=str))


def array_items(data: bytes, path) -> list:
    """The objects of one JSON array."""
    try:
        items = json.loads(data.decode("utf-8-sig"), object_pairs_hook=files.unique_keys)
    except UnicodeDecodeError:
        raise UserError(f"{path} has bytes that are not UTF-8; save the file as UTF-8.") from None
    except KeyError as error:
        raise UserError(f"{path} has the key {error.args[0]!r} twice in one object; keep one of them.") from None
    for i, item in enumerate(items, 1):
        if not isinstance(item, dict):
            raise UserError(f"{path}: item {i} is {files.kind_of(item)}; each item must be one JSON object.")
        if field := files.half_character(item):
            raise UserError(f"{path}: item {i}: {field} holds half a character (a lone surrogate); mend it.")
    return items


def table_lines(data: bytes, path) -> list:
    """[(number of its last line, row)] of CSV or TSV with a header; an empty id is none, and so is a missing field."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path} has bytes that are not UTF-8; save the table as CSV in UTF-8.") from None
    csv.field_size_limit(2**31 - 1)
    text = text.lstrip(" \r\n")  # a tab stays: pandas leaves the name of its first column empty
    first = text.split("\n", 1)[0]
    separator = max(SEPARATORS, key=lambda mark: len(next(csv.reader([first], delimiter=mark))))
    lines = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    found = []
    try:
        repeated = [name for name, count in Counter(lines.fieldnames).items() if count > 1]
        if repeated:
            raise UserError(f"{path} has the column {repeated[0]!r} twice; keep one of them.")
        for row in lines:
            if None in row:
                raise UserError(f"{path}:{lines.line_num} has more fields than the header names; mend or quote them.")
            found.append((lines.line_num, {key: cell(value) for key, value in row.items()} | no_id(row)))
    except csv.Error as error:
        raise UserError(f"{path} is no table after line {lines.line_num} ({error}); mend its quotes.") from None
    return found


def no_id(row: dict) -> dict:
    """{"id": None} for an empty id."""
    return {"id": None} if row.get("id") == "" else {}


def cell(text):
    """A field of a table: its text, or the messages or instances that it spells in JSON."""
    if text and text.lstrip()[:1] in ("[", "{"):
        value = files.is_json(text)
        items = value and (value[0] if isinstance(value[0], list) else value)
        if items and all(isinstance(item, dict) and not PARTS.isdisjoint(item) for item in items):
            return value[0]
    return text


def first_line(error) -> str:
    """What a library said, on one line."""
    return str(error).strip().split("\n")[0].rstrip(".")
