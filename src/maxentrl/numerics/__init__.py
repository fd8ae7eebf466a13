"""Numbers under everything else: precision, log-sum-exp, reward tables, the iteration loop, linear solves."""
