"""Networks as scikit-learn estimators: `ClearpropClassifier` and `ClearpropRegressor`.

They need scikit-learn: `pip install "clearprop[sklearn]"`.
"""

from clearprop.errors import MissingPackageError

try:
    import sklearn as _sklearn  # noqa: F401
except ImportError as error:
    raise MissingPackageError(
        'clearprop.sklearn needs scikit-learn; install it with: pip install "clearprop[sklearn]"'
    ) from error

from clearprop.sklearn.classifier import ClearpropClassifier
from clearprop.sklearn.regressor import ClearpropRegressor

__all__ = ["ClearpropClassifier", "ClearpropRegressor"]
