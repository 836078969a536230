"""pytest tests/test_imports.py

No file of the project imports another in a circle, at its top or inside a function.
"""

import ast
from graphlib import TopologicalSorter

from common import cli

STAGES = ("common", "data", "train", "eval", "serve", "domains", "bench")


def imports_of(files: dict) -> dict:
    """{module: the modules of `files` that it imports}, of {module: path}. A package counts as its __init__.py."""
    found = {}
    for name, path in files.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        given = {one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                inside = [f"{node.module}.{one.name}" for one in node.names]
                given |= {one if one in files else node.module for one in inside}
        found[name] = given & set(files)
    return found


def test_no_circle():
    files = {}
    for path in (path for stage in STAGES for path in (cli.ROOT / stage).rglob("*.py")):
        files[".".join(path.relative_to(cli.ROOT).with_suffix("").parts).removesuffix(".__init__")] = path
    found = imports_of(files)
    assert "common.cli" in found["train.sft"] and "common.sampling" in found["common.engine"]
    assert len(list(TopologicalSorter(found).static_order())) == len(files)  # CycleError names the circle
