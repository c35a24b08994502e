"""Speed and memory, compared with baselines measured in the same run: `python -m bench`."""
