"""Guards: refuse inputs far from the training data."""
