"""Pure functions behind the guarantee: exact binomial inference, and tests in sequence. Numpy and scipy alone."""
