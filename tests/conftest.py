"""For all tests."""

import gc

collect_ignore = ["conftest.py"]  # it has no examples, and others have its name


def pytest_collection_finish():
    """Leave what was collected, very many objects, out of the garbage collector's sight.

    It would look through them again and again, which takes a part of the time of every test.
    """
    gc.collect()
    gc.freeze()
