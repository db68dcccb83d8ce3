"""A study as a page for the browser."""
