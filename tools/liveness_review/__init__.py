"""Results and decisions on the operator's machine, and figures derived from them.

Never deployed. Reads the bucket with the operator's own keys; writes the local file and, where a
person decides, one object per decision.

    rows          the values: results, decisions, waiting pairs
    documents     turns result.json and review-<n>.json into rows; marks foreign or edited ones
    database      the local SQLite file: where it is, who may read it, its tables
    index         the queries on the file, and `forget`
    search        the list: filters and pages
    overview      results an hour, time to result, billed calls, retakes by reason
    refresh       reads what is new or changed in the bucket into the file
    inputs        pairs that wait, and keys that belong to no pair
    threshold     what another threshold would have done, and error rates where people decided
    intervals     confidence intervals of proportions
    cost          calls billed and saved, by day and month
    export        JSONL, CSV or Parquet for other engines, with a manifest
    commands      `liveness threshold`, `liveness export`, `liveness cost`, with
      analysis      their work, up to the value that is printed
      session       the local file of the environment's installation, brought up to date
      printing      prints the values for people

`liveness review`, the page:

    security      admits one browser, by a one-time address and a cookie
    server        answers on loopback, and turns errors into pages
    state         the memory of one run: views, lists, language, identity
    content       one pair, read from the bucket
    document      result.json as the page shows it
    pictures      real JPEGs and PNGs, and nothing else
    decisions     review-<n>.json: what a decision is, and how it is stored
    identity      who decides, as STS names the holder of the keys
    views_*       one module for each group of views
    rendering     turns templates into HTML
    plots         figures as SVG
    texts         every text of the page, in English and Chinese
"""
