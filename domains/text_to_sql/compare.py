"""Whether two results of queries are the same, whatever the order of their columns."""

import math
from bisect import bisect_left
from collections import Counter
from itertools import accumulate

RELATIVE_TOLERANCE = 1e-9
ABSOLUTE_TOLERANCE = 1e-12  # or a difference of equal sums, 1e-17, would not equal 0
PERMUTATION_WORK = 3_000_000  # table cells looked at before giving up on a permutation


def same_result(
    gold: list[tuple], predicted: list[tuple], runs: list[int] | None = None, taken: list[int] | None = None
) -> bool:
    """Whether some permutation of the prediction's columns gives the gold rows.

    `runs` None: as a multiset. Otherwise `runs` are sizes of consecutive groups of gold rows that
    tie in the sort key: the groups keep their places, rows may move inside one ([1] * n: a list).
    `taken`: how many rows of each group are due, any of them; None: all.
    """
    runs = [len(gold)] if runs is None else runs
    taken = runs if taken is None else taken
    if len(predicted) != sum(taken):
        return False
    if not predicted:
        return True
    if len(gold[0]) != len(predicted[0]):
        return False
    gold, predicted = merge_floats(gold, predicted)
    return _find_permutation(_transposed(gold), _transposed(predicted), spans_of(runs), spans_of(taken))


def same_rows(gold: list[tuple], predicted: list[tuple], ordered: bool) -> bool:
    """Whether some permutation of columns gives the same rows, compared by ==: as a list, else as a multiset."""
    if len(gold) != len(predicted) or gold and len(gold[0]) != len(predicted[0]):
        return False
    spans = spans_of([1] * len(gold) if ordered else [len(gold)])
    return not gold or _find_permutation(_transposed(gold), _transposed(predicted), spans, spans)


def spans_of(sizes: list[int]) -> list[slice]:
    ends = list(accumulate(sizes))
    return [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]


def _transposed(rows: list[tuple]) -> list[tuple]:
    return list(zip(*rows, strict=True))


def _contents(values: list, spans: list[slice]) -> list[Counter]:
    """For every group of tied rows, what it holds, order aside."""
    return [Counter(values[span]) for span in spans]


def _find_permutation(gold: list[tuple], predicted: list[tuple], spans: list[slice], taken: list[slice]) -> bool:
    """Assign a predicted column to each gold column, one by one, keeping the rows so far in the gold's groups."""
    gold_contents = [_contents(column, spans) for column in gold]
    contents = [_contents(column, taken) for column in predicted]

    def within(some: list[Counter], all_of: list[Counter]) -> bool:
        return all(a <= b for a, b in zip(some, all_of, strict=True))

    candidates = [
        sorted((j for j, other in enumerate(contents) if within(other, own)), key=lambda j: j != i)
        for i, own in enumerate(gold_contents)
    ]
    work = PERMUTATION_WORK

    def extend(chosen: list[int]) -> bool:
        nonlocal work
        if len(chosen) == len(gold):
            return True
        tried = set()
        for j in candidates[len(chosen)]:
            if j in chosen or predicted[j] in tried:
                continue
            tried.add(predicted[j])
            longer = [*chosen, j]
            work -= len(longer) * len(predicted[j])
            if work < 0:
                return False
            if len(longer) > 1 and max(span.stop - span.start for span in spans) > 1:
                mine = _transposed(gold[: len(longer)])
                theirs = _transposed([predicted[k] for k in longer])
                if not within(_contents(theirs, taken), _contents(mine, spans)):
                    continue
            if extend(longer):
                return True
        return False

    return extend([])


def merge_floats(*results: list[tuple]) -> list[list[tuple]]:
    """The results with floats that are equal within the tolerance made identical.

    A float next to an integer becomes the nearest one; integers are never merged with one another.
    """
    values = {value for rows in results for row in rows for value in row if type(value) is float}
    if not values:
        return list(results)
    integers = sorted({value for rows in results for row in rows for value in row if type(value) is int})
    same: dict[float, float] = {}
    cluster: list[float] = []
    for value in sorted(values):
        if cluster and not _close(cluster[-1], value):
            same.update(_represent(cluster, integers))
            cluster = []
        cluster.append(value)
    same.update(_represent(cluster, integers))
    return [
        [tuple(same[value] if type(value) is float else value for value in row) for row in rows] for rows in results
    ]


def _represent(cluster: list[float], integers: list[int]) -> dict[float, float]:
    """What stands for each of these close floats: the nearest integer, else one of them for all."""
    nearest = {}
    for value in cluster:
        i = bisect_left(integers, value)
        near = [n for n in integers[max(0, i - 1) : i + 1] if _close(n, value)]
        if near:
            nearest[value] = min(near, key=lambda n: abs(n - value))
    default = next(iter(nearest.values()), cluster[0])
    return {value: nearest.get(value, default) for value in cluster}


def _close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE)
