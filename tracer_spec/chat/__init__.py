"""Bodies of chat APIs: what was asked and answered, read from any vendor's, and answers, written as three of them do."""
