"""scikit-learn's own checks of estimators, all of them."""

import pytest

pytest.importorskip("sklearn")

from sklearn.utils.estimator_checks import parametrize_with_checks

from clearprop.sklearn import ClearpropClassifier, ClearpropRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@parametrize_with_checks([ClearpropClassifier(), ClearpropRegressor()])
def test_scikit_learns_checks(estimator, check):
    check(estimator)
