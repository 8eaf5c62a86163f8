"""From a trained zoo to a certificate: what is proposed, tested and shipped."""
