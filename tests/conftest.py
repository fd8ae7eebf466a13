"""Shape annotations are checked in every test, and hypothesis draws the same examples each time."""

import jaxtyping
from hypothesis import HealthCheck, settings

jaxtyping.install_import_hook("maxentrl", "beartype.beartype")

settings.register_profile(
    "default", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.register_profile("nightly", parent=settings.get_profile("default"), derandomize=False, max_examples=10_000)
settings.load_profile("default")
