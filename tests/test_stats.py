"""The estimators against values worked by hand, against their formulas, and against simulated truth."""

import time

import numpy as np
import pytest
from scipy import stats as scipy_stats

from eval.stats import (
    binomial_interval,
    detectable_difference,
    difference_interval,
    group_accuracy,
    kappa,
    length_controlled,
    majority,
    mcnemar_exact,
    mean_interval,
    paired_standard_error,
    paired_t_interval,
    position_bias,
    wilson,
    win_rate,
)

CLUSTERS, CLUSTER_SIZE = 30, 6


def clustered_outcomes(rng, spread):
    """0/1 items whose chance of 1 is drawn per cluster from Beta(spread, spread): the truth is 0.5.

    The correlation within a cluster is 1 / (2 * spread + 1).
    """
    chances = np.repeat(rng.beta(spread, spread, CLUSTERS), CLUSTER_SIZE)
    return (rng.random(len(chances)) < chances).astype(float)


def test_wilson_known_values():
    assert wilson(0, 10) == (0.0, pytest.approx(0.2775, abs=1e-4))
    assert wilson(10, 10) == (pytest.approx(0.7225, abs=1e-4), 1.0)
    share, n, z = 37 / 120, 120, 1.959964
    centre, half = share + z**2 / (2 * n), z * (share * (1 - share) / n + z**2 / (4 * n**2)) ** 0.5
    assert wilson(37, 120) == pytest.approx([(centre + sign * half) / (1 + z**2 / n) for sign in (-1, 1)])


@pytest.mark.parametrize("successes, n", [(0, 9), (9, 9), (1, 9), (62, 113)])
def test_binomial_interval_is_clopper_pearson(successes, n):
    """At each end as many successes, or fewer, have a probability of 2.5 %."""
    low, high = binomial_interval(successes, n)
    at_least, at_most = scipy_stats.binom.sf(successes - 1, n, low), scipy_stats.binom.cdf(successes, n, high)
    assert (low, at_least) == (0, 1) if successes == 0 else at_least == pytest.approx(0.025)
    assert (high, at_most) == (1, 1) if successes == n else at_most == pytest.approx(0.025)


def test_mcnemar_known_values():
    assert mcnemar_exact(0, 0) == 1.0
    assert mcnemar_exact(5, 5) == 1.0
    assert mcnemar_exact(0, 6) == pytest.approx(2 / 64)
    assert mcnemar_exact(2, 9) == pytest.approx(2 * (1 + 11 + 55) / 2048)
    assert mcnemar_exact(9, 2) == mcnemar_exact(2, 9)
    with pytest.raises(ValueError):
        mcnemar_exact(-1, 3)


def test_mean_interval_without_clusters_matches_theory():
    values = np.random.default_rng(1).normal(3, 2, 400)
    mean, low, high = mean_interval(values)
    half = 1.96 * values.std() / 20
    assert mean == pytest.approx(values.mean())
    assert (low, high) == pytest.approx((mean - half, mean + half), abs=0.03)


def test_whole_clusters_match_theory():
    """Items that equal their cluster's value carry no more than the cluster means do."""
    rng = np.random.default_rng(2)
    cluster_values = rng.normal(0, 1, 100)
    values, clusters = np.repeat(cluster_values, 5), np.repeat(np.arange(100), 5)
    mean, low, high = mean_interval(values, clusters)
    half = 1.96 * cluster_values.std() / 10
    assert (low, high) == pytest.approx((mean - half, mean + half), abs=0.03)


def test_cluster_labels_need_not_be_sorted_or_numbers():
    """The same clusters under other names and with interleaved items resample alike."""
    rng = np.random.default_rng(3)
    values = clustered_outcomes(rng, 1.0)
    clusters = np.repeat(np.arange(CLUSTERS), CLUSTER_SIZE)
    # Take item 0 of every cluster, then item 1 ...: clusters first appear in the same order.
    mixed = np.arange(len(values)).reshape(CLUSTERS, CLUSTER_SIZE).T.ravel()
    named = [f"schema {clusters[i]}" for i in mixed]
    assert mean_interval(values[mixed], named) == mean_interval(values, clusters)
    # The wrong grouping, two schemas to a cluster of every third item, is a different interval.
    assert mean_interval(values, list(range(60)) * 3) != mean_interval(values, clusters)


def test_unequal_clusters_keep_their_weight():
    """A cluster of 90 items weighs ninety times one of a single item."""
    values = [1.0] * 90 + [0.0] * 10
    mean, low, high = mean_interval(values, ["big"] * 90 + list(range(10)))
    assert mean == 0.9
    assert low < 0.2 and 0.97 < high <= 1  # the big cluster may be missing or drawn many times


def test_same_seed_same_interval():
    values = np.linspace(0, 1, 50)
    assert mean_interval(values, seed=4) == mean_interval(values, seed=4)
    assert mean_interval(values, seed=4) != mean_interval(values, seed=5)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_alike_gets_wilson(share):
    assert mean_interval([share] * 25, range(25)) == (share, *wilson(round(25 * share), 25))


def test_a_single_cluster_has_no_width():
    assert mean_interval([0, 1, 1, 1], ["a"] * 4) == (0.75, 0.75, 0.75)


def test_drawn_clusters_keep_all_their_items():
    """Every cluster is half right, so whichever are drawn the mean is 1/2; resampled items would scatter."""
    assert mean_interval([0, 1] * 20, np.repeat(np.arange(20), 2)) == (0.5, 0.5, 0.5)


def test_whole_clusters_are_what_a_plain_loop_draws():
    """Clusters of 1 to 6 items against the definition, written out."""
    rng = np.random.default_rng(10)
    groups = [rng.integers(0, 2, size).astype(float) for size in rng.integers(1, 7, 40)]
    values, clusters = np.concatenate(groups), np.repeat(np.arange(40), [len(group) for group in groups])
    drawn = [np.concatenate([groups[i] for i in rng.integers(0, 40, 40)]).mean() for _ in range(8000)]
    mean, low, high = mean_interval(values, clusters)
    assert mean == pytest.approx(values.mean())
    assert (low, high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.01)


@pytest.mark.parametrize("spread, ignored_fails", [(0.5, True), (1.0, True), (50.0, False)])
def test_intervals_cover_the_truth_at_any_dependence_when_clusters_are_resampled(spread, ignored_fails):
    """Correlations within a cluster of 1/2, 1/3 and 1/100, in 800 simulated benchmarks.

    An interval of 95 % covers 760 of them, give or take 12 (two standard errors). A percentile bootstrap of 30
    clusters misses a little more than it says: 1 to 2 points by theory, which the lower bound leaves room for.
    """
    rng, runs = np.random.default_rng(5), 800
    clusters = np.repeat(np.arange(CLUSTERS), CLUSTER_SIZE)
    covered = {"whole clusters": 0, "ignored": 0}
    for run in range(runs):
        values = clustered_outcomes(rng, spread)
        for way, labels in (("whole clusters", clusters), ("ignored", None)):
            _, low, high = mean_interval(values, labels, run, 300)
            covered[way] += low <= 0.5 <= high
    assert 0.915 <= covered["whole clusters"] / runs <= 0.965
    assert (covered["ignored"] / runs < 0.85) == ignored_fails


def test_paired_difference_covers_and_is_narrower_than_unpaired():
    rng = np.random.default_rng(6)
    covered = 0
    for run in range(200):
        hardness = np.repeat(rng.random(CLUSTERS), CLUSTER_SIZE)
        draw = rng.random(len(hardness))
        before = (draw < hardness * 0.8).astype(float)
        after = (draw < hardness * 0.8 + 0.1).astype(float)  # true difference 0.1
        clusters = np.repeat(np.arange(CLUSTERS), CLUSTER_SIZE)
        _, low, high = difference_interval(after, before, clusters, run, 300)
        covered += low <= 0.1 <= high
    assert covered >= 180
    unpaired = np.hypot(*(np.ptp(mean_interval(x, clusters)[1:]) for x in (after, before)))
    assert high - low < 0.7 * unpaired


def test_difference_sign_and_value():
    after, before = [1, 1, 1, 0, 1, 1], [0, 1, 0, 1, 0, 1]
    difference, low, high = difference_interval(after, before)
    assert difference == pytest.approx(2 / 6)
    mirrored = difference_interval(before, after)
    assert mirrored == pytest.approx((-difference, -high, -low))


def test_no_change_is_not_proof_of_equality():
    bound = 1 - 0.025 ** (1 / 50)
    same = [1, 0] * 25
    assert difference_interval(same, same, range(50)) == pytest.approx((0.0, -bound, bound))
    assert paired_t_interval(same, same) == pytest.approx((0.0, -bound, bound))
    assert difference_interval([1] * 50, [0] * 50) == pytest.approx((1.0, 1 - 2 * bound, 1.0))
    assert difference_interval([0] * 50, [1] * 50) == pytest.approx((-1.0, -1.0, 2 * bound - 1))


def test_win_rate_counts_and_intervals():
    scores = [1] * 12 + [0.5] * 5 + [0] * 3
    result = win_rate(scores, range(20))
    assert (result["n"], result["wins"], result["ties"], result["losses"]) == (20, 12, 5, 3)
    assert result["clusters"] == win_rate(scores)["clusters"] == 20 and win_rate(scores, "ab" * 10)["clusters"] == 2
    assert result["rate"] == pytest.approx(14.5 / 20)
    assert result["tie_share"] == 0.25
    assert result["decided_rate"] == 0.8
    assert (result["decided_low"], result["decided_high"]) == binomial_interval(12, 15)
    assert (result["low"], result["high"]) == mean_interval(scores, range(20))[1:]


def test_win_rate_at_its_ends():
    assert (win_rate([1] * 8)["low"], win_rate([1] * 8)["high"]) == wilson(8, 8)
    ties = win_rate([0.5] * 30)
    assert ties["decided_rate"] is None
    assert (ties["decided_low"], ties["decided_high"]) == (0.0, 1.0)
    assert ties["low"] < 0.5 < ties["high"] and ties["high"] - ties["low"] < 0.15
    with pytest.raises(ValueError):
        win_rate([1, 0.7])


def test_paired_t_is_the_t_test_of_the_differences():
    rng = np.random.default_rng(7)
    before, after = rng.integers(0, 2, 60), rng.integers(0, 2, 60)
    half = 2.000995 * (after - before).std(ddof=1) / 60**0.5  # t of 59 degrees of freedom
    difference, low, high = paired_t_interval(after, before)
    assert difference == pytest.approx((after - before).mean())
    assert (low, high) == pytest.approx((difference - half, difference + half))


def test_detectable_difference():
    """At 10 % flips the error is 1.0 point at 1,000 items and 0.7 at 2,000."""
    before = np.array([0, 1] * 500)
    after = before.copy()
    after[:100] = 1 - after[:100]
    assert paired_standard_error(after, before) == pytest.approx(0.010, abs=1e-4)
    assert detectable_difference(after, before) == pytest.approx(2.8016 * 0.010, abs=1e-4)
    doubled = [np.tile(x, 2) for x in (after, before)]
    assert paired_standard_error(*doubled) == pytest.approx(0.0071, abs=1e-4)
    assert detectable_difference(before, before) == pytest.approx(3 / 1000)
    assert detectable_difference([1, 1], [1, 1]) == 1.0


def test_detectable_difference_is_found_four_times_in_five():
    rng = np.random.default_rng(8)
    n, flips = 2000, 0.1
    base = np.array([0, 1] * (n // 2))

    def answer_again(gain):
        """Items flip to right and to wrong; the true difference is `gain`."""
        draw = rng.random(n)
        after = base.copy()
        after[(base == 0) & (draw < flips + gain)] = 1
        after[(base == 1) & (draw < flips - gain)] = 0
        return after

    smallest = detectable_difference(answer_again(0), base)
    found = sum(paired_t_interval(answer_again(smallest), base)[1] > 0 for _ in range(400))
    assert 0.72 <= found / 400 <= 0.88


def test_group_accuracy_is_lm_evals():
    """By hand: se^2 = p(1-p)/(n-1) per subject, pooled as lm-eval's pooled_sample_stderr."""
    result = group_accuracy({"a": [1, 1, 0, 0], "b": [1, 0, 0, 0, 0, 0]})
    assert result["accuracy"] == pytest.approx(0.3)  # not the mean of 1/2 and 1/6
    error_a, error_b = (0.25 / 3) ** 0.5, (5 / 36 / 5) ** 0.5
    assert result["subjects"]["a"] == {"accuracy": 0.5, "stderr": pytest.approx(error_a), "n": 4}
    pooled = ((3 * error_a**2 * 4 + 5 * error_b**2 * 6) / 8 / 10) ** 0.5
    assert result["stderr"] == pytest.approx(pooled)
    assert (result["low"], result["high"], result["n"]) == (
        pytest.approx(0.3 - 1.96 * pooled),
        pytest.approx(0.3 + 1.96 * pooled),
        10,
    )


def test_group_accuracy_at_its_ends():
    perfect = group_accuracy({"a": [1] * 7, "b": [True] * 3})
    assert (perfect["accuracy"], perfect["low"], perfect["high"]) == (1.0, *wilson(10, 10))
    for bad in ({}, {"a": []}, {"a": [1], "b": [0]}, {"a": [1, 0.5]}):
        with pytest.raises(ValueError):
            group_accuracy(bad)


@pytest.mark.parametrize(
    "call",
    [
        lambda: mean_interval([]),
        lambda: mean_interval([1, 0], [1]),
        lambda: mean_interval([1.0, None]),
        lambda: mean_interval([1, float("nan")]),
        lambda: mean_interval([1, 0], resamples=0),
        lambda: mean_interval([1, 0], level=95),
        lambda: difference_interval([], []),
        lambda: difference_interval([1, 0], [1]),
        lambda: difference_interval([1, 0], [1, 1], ["a"]),
        lambda: win_rate([]),
        lambda: paired_t_interval([1], [0]),
        lambda: paired_t_interval([1, 0, 1], [0, 1]),
        lambda: detectable_difference([1, 0], [1]),
        lambda: detectable_difference([], []),
        lambda: wilson(0, 0),
        lambda: binomial_interval(3, 2),
    ],
)
def test_unusable_input_is_a_value_error(call):
    with pytest.raises(ValueError):
        call()


def test_ten_thousand_resamples_are_quick():
    rng = np.random.default_rng(9)
    values, clusters = rng.integers(0, 2, 1000), np.repeat(np.arange(200), 5)
    started = time.process_time()
    mean_interval(values, clusters)
    assert time.process_time() - started < 3


# --- judges ------------------------------------------------------------------------------------------

RUNS = 200  # simulated evaluations for each coverage; its standard error is then 1.5 points
SPREAD = 0.5  # of the log-odds between clusters: what makes items of one cluster alike


def logistic(x):
    return 1 / (1 + np.exp(-np.asarray(x)))


def simulated_judge(rng, preference, place, length, clusters=CLUSTERS):
    """(score shown first, shown second, length difference, cluster) of pairs judged in both orders.

    The log-odds that this side wins are `preference`, + `place` when it is shown first and - when second, + `length`
    times tanh of the length difference in standard deviations, + what its cluster adds.
    """
    groups = np.repeat(np.arange(clusters), CLUSTER_SIZE)
    sizes = rng.normal(0.7, 1.0, len(groups))
    odds = preference + length * np.tanh(sizes) + rng.normal(0, SPREAD, clusters)[groups]
    first, second = (rng.random(len(groups)) < logistic(odds + way * place) for way in (1, -1))
    return first.astype(float), second.astype(float), 100 * sizes, groups


def covered(shares):
    """Whether a share of intervals that cover is 95 % within four standard errors of so many runs."""
    return abs(np.mean(shares) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / RUNS)


def both_orders(first, second):
    """The score of each pair: what both orders agree on, else a tie."""
    return np.where(first == second, first, 0.5)


@pytest.mark.slow
@pytest.mark.parametrize("preference, place, length", [(0.0, 0.0, 0.0), (0.8, 1.5, 0.0), (-0.5, -0.7, 1.2)])
def test_rate_and_position_bias_of_a_simulated_judge_are_covered(preference, place, length):
    """The truth is that of very many pairs of the same judge."""
    first, second, _, _ = simulated_judge(np.random.default_rng(0), preference, place, length, 100_000)
    rate_truth = both_orders(first, second).mean()
    first_truth = (first > second).sum() / (first != second).sum()
    assert first_truth == pytest.approx(0.5, abs=0.01) if place == 0 else (first_truth > 0.55) == (place > 0)
    rng, rate, places, consistent = np.random.default_rng(1), [], [], []
    for seed in range(RUNS):
        first, second, _, groups = simulated_judge(rng, preference, place, length)
        one = win_rate(both_orders(first, second), groups, seed, 400)
        rate.append(one["low"] <= rate_truth <= one["high"])
        one = position_bias(first, second, groups, seed, 400)
        places.append(one["first_low"] <= first_truth <= one["first_high"])
        consistent.append(one["consistent_low"] < one["consistent"] < one["consistent_high"])
    assert covered(rate) and all(consistent)
    assert covered(places) or np.mean(places) > 0.95, "an exact interval may cover more than it says"


@pytest.mark.slow
@pytest.mark.parametrize("preference, length", [(1.0, 0.0), (-0.6, 2.0)])
def test_length_controlled_rate_of_a_simulated_judge_is_covered(preference, length):
    """The truth is that of very many pairs; without cluster effects it is the judge's own preference."""
    first, second, sizes, groups = simulated_judge(np.random.default_rng(0), preference, 0.0, length, 30_000)
    truth = length_controlled((first + second) / 2, sizes, resamples=1)
    assert truth["rate"] == pytest.approx(logistic(preference), abs=0.02), "a little nearer to 1/2 than one cluster's"
    rng, rates, thetas, plain = np.random.default_rng(2), [], [], []
    for seed in range(RUNS):
        first, second, sizes, groups = simulated_judge(rng, preference, 0.0, length)
        one = length_controlled((first + second) / 2, sizes, groups, seed=seed, resamples=200)
        rates.append(one["low"] <= truth["rate"] <= one["high"])
        thetas.append(one["coefficient_low"] <= truth["coefficient"] <= one["coefficient_high"])
        plain.append(win_rate(both_orders(first, second), groups, seed, 1)["rate"])
    assert covered(rates) and covered(thetas)
    if length:
        assert np.mean(plain) - truth["rate"] > 0.05, "the plain rate is not the rate at equal length"


def test_length_controlled_agrees_with_another_fit():
    """Beside the penalty the fit is plain logistic regression, also with soft labels and the instructions' numbers."""
    from scipy.optimize import minimize

    rng = np.random.default_rng(5)
    sizes, hard = rng.normal(50, 300, 4000), rng.normal(0, 1, 4000)
    wanted = np.clip(logistic(0.4 + 0.9 * np.tanh(sizes / 300) + 0.7 * hard) + rng.normal(0, 0.1, 4000), 0, 1)
    x = np.stack([np.tanh(sizes / sizes.std(ddof=1)), np.ones(4000), hard], axis=1)

    def loss(found):
        odds = x @ found
        return (np.logaddexp(0, odds) - wanted * odds).sum()

    best = minimize(loss, np.zeros(3), method="BFGS").x
    one = length_controlled(wanted, sizes, difficulty=hard, resamples=50)
    assert one["coefficient"] == pytest.approx(best[0], abs=0.005)
    assert one["rate"] == pytest.approx(logistic(best[1] + best[2] * hard).mean(), abs=0.001)
    assert one["low"] < one["rate"] < one["high"] and one["high"] - one["low"] < 0.05
    turned = length_controlled(1 - wanted, -sizes, difficulty=-hard, resamples=50)
    assert turned["rate"] == pytest.approx(1 - one["rate"]) and turned["coefficient"] == pytest.approx(
        one["coefficient"]
    )


def test_length_controlled_at_the_edges():
    """A judge of length alone, one that always gives the same, and answers that are all of one length."""
    sizes = np.random.default_rng(6).normal(80, 100, 200)
    longest = length_controlled((sizes > 0).astype(float), sizes, resamples=200)
    assert (sizes > 0).mean() > 0.7 and longest["low"] < 0.5 < longest["high"] and longest["coefficient_low"] > 3
    won = length_controlled(np.ones(200), sizes, resamples=20)
    assert (won["rate"], won["low"], won["high"]) == (1.0, *wilson(200, 200)) and won["coefficient"] is None
    tied = length_controlled(np.full(200, 0.5), sizes, resamples=20)
    assert tied["low"] < tied["rate"] == 0.5 < tied["high"]
    flat = length_controlled([1, 0, 1, 1] * 50, np.full(200, 7.0), resamples=200)
    assert flat["rate"] == pytest.approx(0.75, abs=0.002) and flat["coefficient"] == 0
    with pytest.raises(ValueError):
        length_controlled([2.0, 1.0], [1, 2])


@pytest.mark.parametrize(
    "differences, scores, coefficient",
    [
        ([120], [1], np.log(3)),  # one pair decided: 1.5 of 2 with the penalty's half
        ([5, -8, 3, 900], [1, 1, 0, 1], 0.946),
        ([1500, -3], [1, 0], 1.152),
    ],
)
def test_few_decided_pairs_are_fitted_at_the_penalised_maximum(differences, scores, coefficient):
    """Of 300 prompts; a resample without any of them says nothing of length, whatever all prompts say."""
    sizes, wanted = np.zeros(300), np.full(300, 0.5)
    sizes[: len(differences)], wanted[: len(scores)] = differences, scores
    one = length_controlled(wanted, sizes, resamples=300)
    assert one["coefficient"] == pytest.approx(coefficient, abs=1e-3)
    assert one["coefficient_low"] <= 1e-9 < one["coefficient_high"] and 0.49 < one["low"] <= one["high"] < 0.51


def test_a_fit_that_does_not_converge_has_no_figures():
    """Lengths that tanh makes nearly one: length and preference cannot be told apart."""
    one = length_controlled([1, 1, 1, 0], [-20, -20, -20, -31], resamples=20)
    assert len(one) == 6 and set(one.values()) == {None}
    one = length_controlled([1, 0, 1, 0, 0.5, 1], [-20, -31, 4, 9, 3, 5], resamples=500)
    assert 0 < one["low"] < one["rate"] < one["high"] < 1, "such resamples are left out"


def test_position_bias_known_values():
    one = position_bias([1, 1, 0, 0.5, 1, 0], [1, 0, 0, 0, 0.5, 1])
    assert (one["n"], one["consistent"], one["inconsistent"], one["first_share"]) == (6, 2 / 6, 4, 0.75)
    assert (one["first_low"], one["first_high"]) == binomial_interval(3, 4)
    free = position_bias([1, 0, 0.5], [1, 0, 0.5])
    assert (free["consistent"], free["first_share"], free["first_low"], free["first_high"]) == (1, None, 0, 1)
    with pytest.raises(ValueError):
        position_bias([0.7], [1])


def test_kappa_known_values():
    """70 of 100 agree, of which 54 by luck; then three labels: 0.4 * 0.4 + 0.2 * 0.2 + 0.4 * 0.4 is luck."""
    first = ["a"] * 60 + ["b"] * 40
    second = ["a"] * 50 + ["b"] * 10 + ["a"] * 20 + ["b"] * 20
    one = kappa(first, second, resamples=500)
    assert one["agreement"] == 0.7 and one["kappa"] == pytest.approx((0.7 - 0.54) / 0.46)
    assert one["low"] < one["kappa"] < one["high"]
    assert kappa([1, 1], [1, 1]) == {"kappa": None, "low": None, "high": None, "agreement": 1.0, "n": 2}
    assert kappa([0, 1], [1, 0])["kappa"] == -1
    unlucky = next(
        one for seed in range(99) if (one := kappa([1, 1, 1, 0], [1, 1, 1, 0], seed=seed, resamples=1))["low"] is None
    )
    assert unlucky["kappa"] == 1 and unlucky["high"] is None, "both judges give one label in the only resample"
    three = kappa([0, 0.5, 1, 1, 0, 0.5, 1, 0, 0, 1], [0, 0.5, 1, 0, 0, 1, 1, 0.5, 0, 1], resamples=1)
    assert three["kappa"] == pytest.approx((0.7 - 0.36) / 0.64)


@pytest.mark.slow
def test_kappa_of_simulated_judges_is_covered():
    """Two judges that see the same preference of each cluster through noise of their own."""

    def judged(rng, clusters):
        groups = np.repeat(np.arange(clusters), CLUSTER_SIZE)
        odds = rng.normal(0.3, 1.5, clusters)[groups]
        return *((rng.random(len(groups)) < logistic(odds)).astype(int) for _ in range(2)), groups

    truth = kappa(*judged(np.random.default_rng(0), 100_000)[:2], resamples=1)["kappa"]
    rng, found = np.random.default_rng(3), []
    for seed in range(RUNS):
        one = kappa(*judged(rng, 2 * CLUSTERS), seed, 300)
        found.append(one["low"] <= truth <= one["high"])
    assert covered(found) and 0.1 < truth < 0.9


def test_the_majority_is_more_than_half():
    assert majority([1.0, 1.0, 0.0]) == 1.0 and majority([0.0, 0.5, 0.0, None]) == 0.0
    assert majority([1.0, 0.0]) == majority([1.0, 0.5, 0.0]) == majority([0.5]) == 0.5 and majority([None]) is None
