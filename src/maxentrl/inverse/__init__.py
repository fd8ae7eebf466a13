"""Learning rewards: objectives, fits, certificates and standard errors."""
