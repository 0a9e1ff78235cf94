"""Prices and the budget, by plain sums."""

import pytest

from steeldefectx.annotate.pipeline.costs import Budget, prices_of


def test_requests_under_way_count_as_spent():
    budget = Budget(1.0, spent=0.4)
    assert budget.reserve("candidates", 0.3) == 0.3
    assert budget.reserve("candidates", 0.35) is None, "0.4 are spent, 0.3 are under way"
    budget.settle("candidates", 0.3, 0.1)
    assert budget.reserve("candidates", 0.45) == 0.45, "0.5 are spent, nothing is under way"
    assert budget.reserve("candidates", 0.1) is None


def test_a_request_may_cost_what_one_of_its_step_did_cost():
    budget = Budget(1.0)
    budget.settle("supplement", budget.reserve("supplement", 0.1), 0.6)
    assert budget.reserve("supplement", 0.1) is None
    assert budget.reserve("candidates", 0.1) == 0.1


def test_a_price_is_for_a_million_tokens_and_half_of_it_in_a_batch():
    assert prices_of("any", 3.0, 5.0).cost(2_000_000, 1_000_000) == pytest.approx(11.0)
    assert prices_of("any", 3.0, 5.0, batch=True).cost(2_000_000, 1_000_000) == pytest.approx(5.5)
