"""From records to clean, counted, split rows."""
