"""bench/kills.py: which moments of a training it plans to kill."""

from collections import Counter

from bench import kills


def test_each_stage_is_killed_in_all_of_its_phases():
    """SFT and DPO alike, merge included, within any ten tries that begin a turn; at moments of their own."""
    for stage in kills.STAGES:
        for turn in range(3):
            tries = [kills.planned(0, stage, 10 * turn + i) for i in range(10)]
            assert Counter(phase for phase, _ in tries) == kills.PHASES
            assert len({share for _, share in tries}) == 10 and all(0 <= share < 1 for _, share in tries)
    plans = [[kills.planned(seed, stage, i) for i in range(10)] for seed in (0, 1) for stage in kills.STAGES]
    assert all(plans.count(plan) == 1 for plan in plans) and plans[0] == [kills.planned(0, "sft", i) for i in range(10)]
