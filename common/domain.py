"""Finds a domain: one folder of domains/ whose __init__.py has the names of the contract."""

import importlib

from common.cli import ROOT, UserError, nearest

DOMAINS = ROOT / "domains"
REQUIRED = ("SYSTEM_PROMPT", "JUDGE_RUBRIC", "load_seeds", "load_benchmark")


def list_domains() -> list:
    """Names of the folders of domains/ that can be loaded."""
    return sorted(path.parent.name for path in DOMAINS.glob("*/__init__.py"))


def load_domain(name: str):
    """The domain's module. Raises UserError for an unknown domain or one that misses part of the contract."""
    if name not in list_domains():
        raise UserError(f"no domain {name!r}{nearest(name, list_domains())}; domains/ has {', '.join(list_domains())}.")
    module = importlib.import_module(f"domains.{name}")
    missing = [attribute for attribute in REQUIRED if not hasattr(module, attribute)]
    if missing:
        raise UserError(
            f"domains/{name}/__init__.py does not define {', '.join(missing)}; see 'Your own domain' in README.md."
        )
    return module
