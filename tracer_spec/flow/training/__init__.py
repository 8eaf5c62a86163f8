"""From fit rows to a trained zoo: embedder, surrogates, acceptors, guards, thresholds."""
