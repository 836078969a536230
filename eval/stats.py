"""The estimators behind every figure of the evaluation, on scipy.stats: pure functions on arrays, no files.

What is here and not in scipy: which estimator a figure gets, and what stands for an interval of zero width. An interval
is two-sided and at 95 % unless `level` says otherwise; shares are fractions of 1. Every function raises ValueError on
empty input, on inputs of different lengths and on values that are not finite numbers (a verdict that is missing must be
counted or dropped by the caller, never averaged in).

Why clusters: items that share a cluster (here a schema) are right or wrong together. An interval
that treats them as independent is too narrow; tests/test_stats.py shows it by simulation.
"""

import numpy as np

POWER = 0.80  # of detectable_difference
DRAWS_AT_ONCE = 500_000  # clusters drawn per block of resamples: keeps the bootstrap at tens of MB
FITTED_AT_ONCE = 100_000  # prompts times fits per block: what stays in the processor's cache
FIRTH_STEPS = 100


def mean_interval(
    values, clusters=None, seed: int = 0, resamples: int = 10_000, level: float = 0.95
) -> tuple[float, float, float]:
    """(mean, low, high) by a percentile bootstrap of whole clusters.

    values: one number per item. clusters: one label per item; None makes every item its own
    cluster, which is the ordinary bootstrap. Each resample draws as many clusters as there are,
    with replacement, and keeps all items of each; its estimate is the mean over those items.
    This covers as stated however much the items of a cluster depend on each other, given some
    tens of clusters. With few it is too narrow, and with a single one, or with the same mean in all,
    it has no width.

    When all values are 0 or all are 1 every resample is the same; the Wilson interval over the
    items is returned instead. It cannot see clusters, so it is a little optimistic.

    Source: Davison and Hinkley, "Bootstrap Methods and their Application" (1997), section 3.8;
    percentile interval: Efron and Tibshirani (1993), chapter 13.
    Raises ValueError: empty or not finite values, unequal lengths, resamples < 1, level outside
    (0, 1).
    """
    from scipy.stats import bootstrap

    values = _numbers(values, "values")
    _check_level(level)
    mean = float(values.mean())
    if mean in (0.0, 1.0) and np.all(values == mean):
        return (mean, *wilson(round(len(values) * mean), len(values), level))
    labels = _cluster_numbers(clusters, len(values))
    sizes, sums = np.bincount(labels), np.bincount(labels, weights=values)
    if len(sizes) == 1:
        return mean, mean, mean
    found = bootstrap(
        (sums, sizes),
        lambda sums, sizes, axis: sums.sum(axis) / sizes.sum(axis),
        paired=True,
        n_resamples=resamples,
        batch=max(1, DRAWS_AT_ONCE // len(sizes)),
        confidence_level=level,
        method="percentile",
        rng=seed,
    ).confidence_interval
    return mean, float(found.low), float(found.high)


def difference_interval(
    after, before, clusters=None, seed: int = 0, resamples: int = 10_000, level: float = 0.95
) -> tuple[float, float, float]:
    """(mean of after - before, low, high): the bootstrap of `mean_interval` on paired differences.

    The two score lists cover the same items in the same order. Positive means `after` is better.

    When no item changed, the bootstrap would give an interval of zero width, as if n items could
    prove equality. For scores between 0 and 1 the rule is then: with no change among n items the
    share of items that change is at most u = 1 - 0.025^(1/n) (the upper Clopper-Pearson limit at
    0 of n), and the difference (n01 - n10) / n cannot exceed that share, so it lies in (-u, u).
    When every item changed by +1 the same limit gives (1 - 2u, 1), and by -1 (-1, 2u - 1).

    Source: as `mean_interval`; Clopper and Pearson, Biometrika 26 (1934).
    Raises ValueError: as `mean_interval`.
    """
    after, before = _pair(after, before)
    constant = _constant_difference(after, before, level)
    return constant or mean_interval(after - before, clusters, seed, resamples, level)


def wilson(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """(low, high) of a share by Wilson's score interval: never of zero width, inside 0 and 1.

    Source: Wilson, JASA 22 (1927); Agresti and Coull, American Statistician 52 (1998).
    Raises ValueError: n < 1, successes outside 0..n, level not in (0, 1).
    """
    return _share_interval(successes, n, level, "wilson")


def binomial_interval(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """(low, high) of a share by the exact interval of Clopper and Pearson.

    Source: Clopper and Pearson, Biometrika 26 (1934).
    Raises ValueError: n < 1, successes outside 0..n, level not in (0, 1).
    """
    return _share_interval(successes, n, level, "exact")


def _share_interval(successes, n, level, method):
    from scipy.stats import binomtest

    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    found = binomtest(int(successes), int(n)).proportion_ci(level, method)
    return float(found.low), float(found.high)


def mcnemar_exact(n01: int, n10: int) -> float:
    """Two-sided p that as many items turned right (n01) as turned wrong (n10); 1.0 if none did.

    Source: McNemar, Psychometrika 12 (1947), in its exact form: of n01 + n10 changed items the
    smaller count is binomial with probability 1/2. Assumes independent items, so report it beside
    the clustered `difference_interval`, not instead of it.
    Raises ValueError: a count that is negative.
    """
    from scipy.stats import binomtest

    return float(binomtest(int(n01), int(n01 + n10)).pvalue) if n01 or n10 else 1.0


def win_rate(scores, clusters=None, seed: int = 0, resamples: int = 10_000, level: float = 0.95) -> dict:
    """The adjusted win rate over prompts and the share of decided prompts, each with an interval.

    scores: one of 0 (lost), 0.5 (tie, or the two orders disagree), 1 (won) per PROMPT, not per
    verdict: two verdicts on one prompt are not two observations. Returns `rate` = (W + T/2) / n
    with `low`, `high` from `mean_interval`; `n`, `clusters`, `wins`, `ties`, `losses`, `tie_share`; and
    `decided_rate` = W / (W + L) with its exact binomial interval `decided_low`, `decided_high`
    (which treats prompts as independent). When nothing is decided, `decided_rate` is None with the
    interval 0 to 1, and `rate` gets 0.5 -+ u/2, u as in `difference_interval`.

    Source: adjusted win rate and both-orders rule: Zheng et al. 2023 (MT-Bench, FastChat).
    Raises ValueError: as `mean_interval`, and for a score other than 0, 0.5 and 1.
    """
    scores = _numbers(scores, "scores")
    if not np.isin(scores, (0.0, 0.5, 1.0)).all():
        raise ValueError("scores must be 0, 0.5 or 1")
    n = len(scores)
    wins, ties, losses = (int((scores == score).sum()) for score in (1.0, 0.5, 0.0))
    if ties == n:
        bound = _unseen_share(n, level)
        rate, low, high = 0.5, 0.5 - bound / 2, 0.5 + bound / 2
    else:
        rate, low, high = mean_interval(scores, clusters, seed, resamples, level)
    decided = wins + losses
    decided_low, decided_high = binomial_interval(wins, decided, level) if decided else (0.0, 1.0)
    return {
        "rate": rate,
        "low": low,
        "high": high,
        "n": n,
        "clusters": n if clusters is None else len(set(clusters)),
        "wins": wins,
        "ties": ties,
        "losses": losses,
        "tie_share": ties / n,
        "decided_rate": wins / decided if decided else None,
        "decided_low": decided_low,
        "decided_high": decided_high,
    }


def majority(scores: list):
    """The score (0, 0.5 or 1) that more than half of the judges give one pair, 0.5 when none has as many.

    Judges that could not judge the pair (None) do not count; None when none could.
    """
    given = [score for score in scores if score is not None]
    if not given:
        return None
    return next((score for score in (0.0, 1.0) if 2 * given.count(score) > len(given)), 0.5)


def position_bias(shown_first, shown_second, clusters=None, seed: int = 0, resamples: int = 10_000,
                  level: float = 0.95) -> dict:  # fmt: skip
    """How far a judge goes by the place of an answer, from its two verdicts on each pair.

    shown_first, shown_second: the score (0 lost, 0.5 tie, 1 won) of one and the same answer of the pair, when it was
    shown first and when second. Two verdicts that differ are inconsistent and favour one place: the first when the
    answer does better there. Returns `n`; `consistent`, the share of pairs with the same verdict in both orders, with
    `consistent_low` and `consistent_high` from `mean_interval`; `inconsistent`, their number; `first_share`, the share
    of those that favour the first place, with the exact binomial interval `first_low`, `first_high` (None, 0 and 1 when
    all are consistent). Without position bias `first_share` is 1/2, however noisy the judge is.

    Source: Zheng et al. 2023 (MT-Bench), position bias and consistency; there as shares of all pairs.
    Raises ValueError: as `mean_interval`, and for a score other than 0, 0.5 and 1.
    """
    first, second = _pair(shown_first, shown_second)
    if not np.isin(np.concatenate([first, second]), (0.0, 0.5, 1.0)).all():
        raise ValueError("scores must be 0, 0.5 or 1")
    consistent, low, high = mean_interval((first == second).astype(float), clusters, seed, resamples, level)
    favoured, inconsistent = int((first > second).sum()), int((first != second).sum())
    first_low, first_high = binomial_interval(favoured, inconsistent, level) if inconsistent else (0.0, 1.0)
    return {
        "n": len(first),
        "consistent": consistent,
        "consistent_low": low,
        "consistent_high": high,
        "inconsistent": inconsistent,
        "first_share": favoured / inconsistent if inconsistent else None,
        "first_low": first_low,
        "first_high": first_high,
    }


def kappa(first, second, clusters=None, seed: int = 0, resamples: int = 10_000, level: float = 0.95) -> dict:
    """Agreement of two judges on the same pairs: the plain share and Cohen's kappa, with an interval.

    first, second: one label of any kind per pair. kappa = (agreement - chance) / (1 - chance), chance being what two
    judges with these frequencies of labels would agree on by luck. The interval resamples clusters; resamples in which
    kappa is not defined, since both judges give one and the same label throughout, are left out of it; `low` and `high`
    are None when that holds for all resamples, and `kappa`, too, when it holds for all pairs.

    Source: Cohen, Educational and Psychological Measurement 20 (1960).
    Raises ValueError: no pairs, unequal lengths, resamples < 1, level outside (0, 1).
    """
    first, second = list(first), list(second)
    if not first or len(first) != len(second):
        raise ValueError(f"kappa needs labels for the same pairs, got {len(first)} and {len(second)}")
    _check_level(level)
    labels = sorted(set(first) | set(second))
    cells = np.array([labels.index(a) * len(labels) + labels.index(b) for a, b in zip(first, second, strict=True)])
    groups = _cluster_numbers(clusters, len(cells))
    tables = np.zeros((groups.max() + 1, len(labels) ** 2))
    np.add.at(tables, (groups, cells), 1.0)
    agreement, value = (float(one[0]) for one in _kappas(tables.sum(axis=0)[None]))
    found = {"kappa": None, "low": None, "high": None, "agreement": agreement, "n": len(cells)}
    if np.isnan(value):
        return found
    drawn = np.concatenate([_kappas(counts @ tables)[1] for counts in _cluster_counts(len(tables), seed, resamples)])
    drawn = drawn[~np.isnan(drawn)]
    if not len(drawn):
        return {**found, "kappa": value}
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return {**found, "kappa": value, "low": float(low), "high": float(high)}


def length_controlled(preferences, differences, clusters=None, difficulty=None, seed: int = 0, resamples: int = 10_000,
                      level: float = 0.95) -> dict:  # fmt: skip
    """The win rate between answers of equal length, and how much the judge goes by length, after AlpacaEval 2.

    preferences: a number in 0..1 per prompt, 1 for a win (soft labels count as they are). differences: length of this
    side's answer less the other's. difficulty: AlpacaEval's number of each instruction, where there is one. The model
    is a logistic regression without further intercept,

        P(win) = sigmoid(theta * tanh(difference / sd) + phi * difficulty + psi)

    with sd over the prompts (ddof 1); `rate` is the mean of its predictions at difference 0, and `coefficient` is
    theta, the log-odds that length alone gives: above 0 the longer answer is preferred. Both get a percentile interval
    that resamples clusters and repeats the whole fit, sd included. Firth's penalty keeps the fit finite where length
    or one side decides everything; it moves an estimate by about a thousandth at 800 prompts.

    When all preferences are 0, 1/2 or 1 nothing can be fitted: `rate` and its interval are as in `win_rate`, the
    coefficient None. It is 0 when all differences are the same, and in a resample without any difference. A resample
    whose fit does not converge is left out; all figures are None when that of all prompts does not.

    Source: Dubois et al. 2024 (length-controlled AlpacaEval), there with an L1 penalty, with rows of two gamed
    baselines, and with an error that takes the fit for known; Firth, Biometrika 80 (1993).
    Raises ValueError: as `mean_interval`, and for preferences outside 0..1.
    """
    preferences, differences = _pair(preferences, differences)
    _check_level(level)
    if preferences.min() < 0 or preferences.max() > 1:
        raise ValueError("preferences must lie between 0 and 1")
    if np.ptp(preferences) == 0 and preferences[0] in (0.0, 0.5, 1.0):
        same = win_rate(preferences, clusters, seed, 1, level)
        shown = {key: same[key] for key in ("rate", "low", "high")}
        return {**shown, "coefficient": None, "coefficient_low": None, "coefficient_high": None}
    other = None if difficulty is None else _pair(difficulty, preferences)[0]
    groups = _cluster_numbers(clusters, len(preferences))
    rate, fitted = _fit_lengths(np.ones((1, len(groups))), preferences, differences, other)
    drawn = []
    size = max(1, FITTED_AT_ONCE // len(preferences))
    for counts in _cluster_counts(groups.max() + 1, seed, resamples, size):
        rates, coefficients = _fit_lengths(counts[:, groups].astype(float), preferences, differences, other)
        drawn.append(np.stack([rates, coefficients[:, 0]], axis=1))
    drawn = np.concatenate(drawn)
    drawn = drawn[~np.isnan(drawn).any(axis=1)]
    names = ("rate", "low", "high", "coefficient", "coefficient_low", "coefficient_high")
    if np.isnan(fitted).any() or not len(drawn):
        return dict.fromkeys(names)
    (low, theta_low), (high, theta_high) = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    figures = (rate[0], low, high, fitted[0, 0], theta_low, theta_high)
    return dict(zip(names, map(float, figures), strict=True))


def paired_standard_error(after, before) -> float:
    """Standard error of the mean paired difference: sd(after - before, ddof=1) / sqrt(n).

    Source: Miller 2024, "Adding Error Bars to Evals" (arXiv 2411.00640), paired analysis: pairing
    removes what both models find hard, so this is smaller than the error of two separate scores.
    Raises ValueError: fewer than 2 items, unequal lengths, not finite.
    """
    from scipy.stats import sem

    after, before = _pair(after, before)
    if len(after) < 2:
        raise ValueError("a standard error needs at least 2 items, got 1")
    return float(sem(after - before))


def paired_t_interval(after, before, level: float = 0.95) -> tuple[float, float, float]:
    """(mean of after - before, low, high) with Student's t and `paired_standard_error`.

    For items without clusters, such as a multiple-choice test. When all differences are equal the
    rule of `difference_interval` replaces an interval of zero width.

    Source: Student's paired t interval; Miller 2024 (arXiv 2411.00640), paired analysis.
    Raises ValueError: fewer than 2 items, unequal lengths, not finite, level not in (0, 1).
    """
    from scipy.stats import ttest_rel

    after, before = _pair(after, before)
    if len(after) < 2:
        raise ValueError("a t interval needs at least 2 items, got 1")
    constant = _constant_difference(after, before, level)
    if constant:
        return constant
    found = ttest_rel(after, before).confidence_interval(level)
    return float((after - before).mean()), float(found.low), float(found.high)


def detectable_difference(after, before) -> float:
    """The smallest true paired difference that this many items would show.

    At a two-sided 5 % test and 80 % power: (1.9600 + 0.8416) * `paired_standard_error`. When the
    differences do not vary (no flips) the error is unknown rather than zero; the answer is then
    the rule of three, 3 / n, at most 1: the largest share of flips that could well go unseen.

    Source: the sample-size formula of a paired test (Miller 2024, arXiv 2411.00640, power
    analysis, solved for the difference); rule of three: Hanley and Lippman-Hand, JAMA 249 (1983).
    Raises ValueError: fewer than 2 items, unequal lengths, not finite.
    """
    from scipy.stats import norm

    after, before = _pair(after, before)
    error = paired_standard_error(after, before)
    if np.ptp(after - before) == 0:
        return min(1.0, 3 / len(after))
    return float(norm.ppf(0.975) + norm.ppf(POWER)) * error


def group_accuracy(correct_by_subject: dict) -> dict:
    """Accuracy over subjects weighted by size, with lm-eval's pooled standard error.

    correct_by_subject: subject -> 0/1 per item. Returns `accuracy`, `stderr`, `low`, `high`, `n`
    and `subjects` (subject -> accuracy, stderr, n). With se_i = sd(ddof=1) / sqrt(n_i),
    stderr = sqrt([sum (n_i - 1) n_i se_i^2 / (N - k)] / N) over k subjects and N items. The
    interval is accuracy -+ 1.96 stderr, cut to 0..1; Wilson when stderr is 0.

    Source: lm-evaluation-harness, `pooled_sample_stderr` and `aggregate_subtask_metrics` in
    lm_eval/api/metrics.py. A subject of one item has no error of its own; its weight here is 0.
    Raises ValueError: no subjects, an empty one, values other than 0/1, no subject with 2 items.
    """
    if not correct_by_subject:
        raise ValueError("correct_by_subject is empty")
    subjects, weighted = {}, 0.0
    for name, correct in correct_by_subject.items():
        correct = _numbers(correct, f"subject {name}")
        if not np.isin(correct, (0.0, 1.0)).all():
            raise ValueError(f"subject {name} must hold 0 or 1 only")
        n = len(correct)
        error = float(correct.std(ddof=1) / np.sqrt(n)) if n > 1 else 0.0
        subjects[name] = {"accuracy": float(correct.mean()), "stderr": error, "n": n}
        weighted += (n - 1) * n * error**2
    total = sum(row["n"] for row in subjects.values())
    if total == len(subjects):
        raise ValueError("a pooled standard error needs a subject with at least 2 items")
    # Summed as whole numbers, so that 0 and 1 are met exactly.
    right = sum(round(row["accuracy"] * row["n"]) for row in subjects.values())
    accuracy = right / total
    error = float(np.sqrt(weighted / (total - len(subjects)) / total))
    low, high = max(0.0, accuracy - 1.96 * error), min(1.0, accuracy + 1.96 * error)
    if error == 0:
        low, high = wilson(right, total)
    return {"accuracy": accuracy, "stderr": error, "low": low, "high": high, "n": total, "subjects": subjects}


def _cluster_counts(clusters: int, seed: int, resamples: int, size: int | None = None):
    """How often each cluster is drawn in each resample, in blocks of `size` resamples."""
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, got {resamples}")
    rng = np.random.default_rng(seed)
    size = size or max(1, DRAWS_AT_ONCE // clusters)
    for first in range(0, resamples, size):
        yield rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=min(size, resamples - first))


def _kappas(tables):
    """(agreement, kappa) of each row, a flat square table of counts; kappa is nan where chance agreement is 1."""
    side = round(np.sqrt(tables.shape[1]))
    shares = tables.reshape(-1, side, side) / tables.sum(axis=1)[:, None, None]
    agreement = np.trace(shares, axis1=1, axis2=2)
    chance = (shares.sum(axis=1) * shares.sum(axis=2)).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return agreement, np.where(chance < 1 - 1e-12, (agreement - chance) / (1 - chance), np.nan)


def _fit_lengths(weights, preferences, differences, difficulty):
    """(rate at equal length, coefficients) of `length_controlled` for each row of weights, a count of each prompt.

    The coefficients are theta, psi and, with difficulty, phi; all are nan in a fit that does not converge.
    """
    total = weights.sum(axis=1, keepdims=True)
    mean = weights @ differences[:, None] / total
    # About the overall mean, or the squares of large numbers would cancel.
    centre = differences.mean()
    squares = weights @ ((differences - centre) ** 2)[:, None] - total * (mean - centre) ** 2
    spread = np.sqrt(np.maximum(squares, 0) / np.maximum(total - 1, 1))
    known = spread > 1e-6 * (1 + np.abs(mean))
    columns = [np.where(known, np.tanh(differences / np.where(known, spread, 1.0)), 0.0), np.ones_like(weights)]
    if difficulty is not None:
        columns.append(np.broadcast_to(difficulty, weights.shape))
    found = _firth(weights, preferences, columns)
    if difficulty is None:
        return _sigmoid(found[:, 1]), found
    return (weights * _sigmoid(found[:, 1:2] + found[:, 2:3] * difficulty)).sum(axis=1) / total[:, 0], found


def _firth(weights, wanted, columns):
    """Coefficients (fits, columns) of logistic regressions with Firth's penalty, all fits at once, by Newton's method.

    weights and each of columns: (fits, rows); wanted: the share of successes of each row, the same in all fits. All
    begin at 0, so that a coefficient of which a fit's rows say nothing stays there. A step that lowers the penalised
    likelihood is halved; a fit that does not converge is nan.
    """
    made = np.full((len(weights), len(columns)), np.nan)
    left, found = np.arange(len(weights)), np.zeros_like(made)  # the fits that have not converged, and where they are
    value, step = _firth_step(found, weights, wanted, columns)
    share = np.ones(len(weights))
    for _ in range(FIRTH_STEPS):
        done = np.abs(step).max(axis=1) < 1e-5
        if done.any():
            made[left[done]] = found[done]
            left, found, value, step, share, weights, *columns = (
                one[~done] for one in (left, found, value, step, share, weights, *columns)
            )
        if not len(left):
            break
        tried = found + share[:, None] * step
        reached, then = _firth_step(tried, weights, wanted, columns)
        up = reached >= value - 1e-10 * (1 + np.abs(value))  # but for rounding
        found, step = np.where(up[:, None], tried, found), np.where(up[:, None], then, step)
        value, share = np.where(up, reached, value), np.where(up, 1.0, share / 2)
    return made


def _firth_step(found, weights, wanted, columns):
    """(penalised log-likelihood, next step) of each fit at the coefficients `found`; no step is longer than 2."""
    odds = np.clip(sum(found[:, k : k + 1] * column for k, column in enumerate(columns)), -500, 500)
    p = 1 / (1 + np.exp(-odds))
    variance = p * (1 - p)
    pairs = {(k, j): columns[k] * columns[j] for k in range(len(columns)) for j in range(k + 1)}
    information = _information(weights * variance, pairs, len(columns))
    inverse = np.linalg.inv(information)
    leverage = variance * sum((2 if k > j else 1) * inverse[:, k, j, None] * pair for (k, j), pair in pairs.items())
    pull = weights * (wanted - p + leverage * (0.5 - p))
    score = np.stack([np.einsum("bn,bn->b", pull, column) for column in columns], axis=1)
    # The penalty adds `leverage` of a row to each row: without it a step is up to twice too long, and never ends.
    curvature = _information(weights * variance * (1 + leverage), pairs, len(columns))
    step = np.linalg.solve(curvature, score[:, :, None])[:, :, 0]
    # log(1 - p) is log(p) - odds, which does not round to log(0).
    value = np.einsum("bn,bn->b", weights, np.log(p) - (1 - wanted) * odds) + np.linalg.slogdet(information)[1] / 2
    return value, step / np.maximum(1, np.abs(step).max(axis=1, keepdims=True) / 2)


def _information(each, pairs, size):
    """X'WX of each fit, from the weights `each` (fits, rows) and the products of every two columns."""
    made = np.empty((len(each), size, size))
    for (k, j), pair in pairs.items():
        made[:, k, j] = made[:, j, k] = np.einsum("bn,bn->b", each, pair)
    return made + 1e-9 * np.eye(size)  # a column may be 0 throughout


def _sigmoid(x):
    return 1 / (1 + np.exp(-np.clip(x, -500, 500)))


def _cluster_numbers(clusters, n: int) -> np.ndarray:
    """Labels of any hashable kind as 0, 1, 2, ... in order of first appearance."""
    clusters = range(n) if clusters is None else list(clusters)
    if len(clusters) != n:
        raise ValueError(f"{n} values but {len(clusters)} cluster labels")
    numbers = {label: number for number, label in enumerate(dict.fromkeys(clusters))}
    return np.array([numbers[label] for label in clusters])


def _constant_difference(after, before, level):
    """The interval of `difference_interval` when all differences are 0, 1 or -1; else None."""
    difference = after - before
    first = float(difference[0])
    scores = np.concatenate([after, before])
    bounded = scores.min() >= 0 and scores.max() <= 1
    if not bounded or first not in (0.0, 1.0, -1.0) or np.any(difference != first):
        return None
    bound = _unseen_share(len(difference), level)
    if first == 0:
        return 0.0, -bound, bound
    return (1.0, 1 - 2 * bound, 1.0) if first > 0 else (-1.0, -1.0, 2 * bound - 1)


def _unseen_share(n: int, level: float) -> float:
    """Upper Clopper-Pearson limit of a share that was seen 0 times in n."""
    return binomial_interval(0, n, level)[1]


def _numbers(values, name: str) -> np.ndarray:
    numbers = np.asarray(values, dtype=float)
    if numbers.ndim != 1 or len(numbers) == 0:
        raise ValueError(f"{name} must be a list of at least one number")
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name} holds a missing or infinite value")
    return numbers


def _pair(after, before) -> tuple[np.ndarray, np.ndarray]:
    after, before = _numbers(after, "after"), _numbers(before, "before")
    if len(after) != len(before):
        raise ValueError(f"after has {len(after)} items but before has {len(before)}")
    return after, before


def _check_level(level) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
