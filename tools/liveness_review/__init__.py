"""Results and decisions on the operator's machine, and the figures that follow from them.

Never deployed. Reads the bucket with the operator's own keys; writes only the local file.

rows        the values: results, decisions, waiting pairs
documents   result.json and review-<n>.json into rows; a foreign or edited one is marked
database    the local SQLite file: where it is, who may read it, its tables
index       what is asked of the file, and `forget`
search      the list: filters and pages
overview    results an hour, time to result, billed calls, retakes by reason
refresh     reads what is new or changed in the bucket into the file
inputs      pairs that wait, and keys that belong to no pair
threshold   what another threshold would have done, and error rates where people decided
intervals   confidence intervals of proportions
cost        calls billed and saved, by day and month
export      JSONL, CSV or Parquet for other engines, with a manifest
commands    `liveness threshold`, `liveness export`, `liveness cost`
"""
