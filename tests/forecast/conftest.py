import pytest

from forecast.small_worlds import DAG_GOALS, Small, one_way_outcomes, round_outcomes, small


@pytest.fixture(scope="session")
def one_way() -> Small:
    """Walks that only go right and down, which can all be listed."""
    return small(one_way_outcomes(0.0), DAG_GOALS)


@pytest.fixture(scope="session")
def slippery() -> Small:
    """A world with slip in which walks can turn back."""
    return small(round_outcomes(0.25), (11, 0, 3))
