"""Fresh traces and requests, read as the spec inside a bundle says."""
