"""The report on SFT rows: what was kept and dropped, taught by whom, how long. A library for gen_sft.py."""

from collections import Counter


def distinct_share(texts, size):
    """Distinct word n-grams over all word n-grams: how much the set repeats itself."""
    grams = Counter(
        tuple(words[i : i + size]) for words in (text.split() for text in texts) for i in range(len(words) - size + 1)
    )
    return len(grams) / max(1, sum(grams.values()))


def report(rows, dropped, candidates, domain):
    """The quality report as markdown."""
    compare = getattr(domain, "dedup_text", lambda row: row["prompt"])
    texts = [compare(row) for row in rows]
    lengths = {name: sorted(len(row[name].split()) for row in rows) for name in ("prompt", "completion")}
    lines = [
        "# SFT data",
        "",
        f"{candidates} candidates, {len(rows)} kept, {len(dropped)} dropped.",
        "",
        "| dropped because | rows |",
        "|---|---|",
    ]
    lines += [f"| {reason} | {count} |" for reason, count in Counter(row["reason"] for row in dropped).most_common()]
    lines += ["", "| kind | rows |", "|---|---|"]
    lines += [f"| {kind} | {count} |" for kind, count in sorted(Counter(row["category"] for row in rows).items())]
    traits = [domain.traits(row) for row in rows] if hasattr(domain, "traits") else []
    for name in traits[0] if traits else ():
        lines += ["", f"| {name} | rows |", "|---|---|"]
        lines += [f"| {value} | {count} |" for value, count in Counter(one[name] for one in traits).most_common()]
    lines += ["", "| teacher | rows | different seeds |", "|---|---|---|"]
    for name, count in Counter(row["teacher"] for row in rows).most_common():
        seeds = {row.get("seed_id") for row in rows if row["teacher"] == name} - {None}
        lines.append(f"| {name} | {count} | {len(seeds) or '-'} |")
    if any("proved" in row for row in rows):
        proved = Counter(row.get("proved") for row in rows)
        names = {True: "proved", None: "that nothing speaks against", False: "written by hand and not proved"}
        lines += ["", "| explanation | rows |", "|---|---|"]
        lines += [f"| {name} | {proved[key]} |" for key, name in names.items()]
    lines += ["", "| words in | shortest | median | 95 % | longest |", "|---|---|---|---|---|"]
    lines += [
        f"| {name} | {v[0]} | {v[len(v) // 2]} | {v[int(len(v) * 0.95)]} | {v[-1]} |" for name, v in lengths.items()
    ]
    lines += ["", "| distinct share of | questions with answers |", "|---|---|"]
    lines += [f"| {size}-grams | {distinct_share(texts, size):.3f} |" for size in (1, 2, 3, 4)]
    groups = (("family", "families"), ("schema_id", "schemas"))
    counts = [f"{len({row[key] for row in rows})} {words}" for key, words in groups if all(key in row for row in rows)]
    curated = f"{sum(row['teacher'] == 'curated' for row in rows)} curated rows"
    return "\n".join([*lines, "", f"{', '.join([*counts, curated])}.", ""])
