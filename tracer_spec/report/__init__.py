"""The report: one page of HTML that shows a bundle to whoever must decide to trust it."""
