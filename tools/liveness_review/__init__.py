"""Results and decisions on the operator's machine, and the figures that follow from them.

Never deployed. Reads the bucket with the operator's own keys; writes the local file and, where a
person decides, one object per decision.

    rows          the values: results, decisions, waiting pairs
    documents     result.json and review-<n>.json into rows; a foreign or edited one is marked
    database      the local SQLite file: where it is, who may read it, its tables
    index         what is asked of the file, and `forget`
    search        the list: filters and pages
    overview      results an hour, time to result, billed calls, retakes by reason
    refresh       reads what is new or changed in the bucket into the file
    inputs        pairs that wait, and keys that belong to no pair
    threshold     what another threshold would have done, and error rates where people decided
    intervals     confidence intervals of proportions
    cost          calls billed and saved, by day and month
    export        JSONL, CSV or Parquet for other engines, with a manifest
    commands      `liveness threshold`, `liveness export`, `liveness cost`, with
      analysis      what they do, up to the value that is printed
      session       the local file of the environment's installation, brought up to date
      printing      prints the values for people

`liveness review`, the page:

    security      who is let in: one browser, by a one-time address and a cookie
    server        answers on loopback, and turns errors into pages
    state         what one run remembers: views, lists, language, identity
    content       one pair, read from the bucket
    document      result.json as the page shows it
    pictures      real JPEGs and PNGs, and nothing else
    decisions     review-<n>.json: what a decision is, and how it is stored
    identity      who decides, as STS names the holder of the keys
    views_*       one module for each group of views
    rendering     templates into HTML
    plots         figures as SVG
    texts         every text of the page, in English and Chinese
"""
