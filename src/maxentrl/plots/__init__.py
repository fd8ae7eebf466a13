"""Pictures of results: each is ``f(result, *, ax=None) -> Axes`` and leaves no state in pyplot."""
