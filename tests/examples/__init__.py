"""The examples of docs/integrating run, and do what the page says."""
