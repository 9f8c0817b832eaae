"""Settings for all tests."""

import os

from hypothesis import settings

# Everywhere else the examples are new in every run; a check that decides what is taken must not.
settings.register_profile("decided", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("decided")
