"""Reports: a bundle as one page of HTML, and the changes from one bundle to the next."""
