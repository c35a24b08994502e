"""The operator's commands: what stands in the bucket, why, and what can be done.

    commands   the command line
    work       what each command does, up to the value that is printed
    reach      from the environment to a bucket that can only be read
    reading    reads it
    facts      what was read, as values
    status     from facts to the value of `liveness status`
    explain    from facts to the value of `liveness explain`, by means of
    attempts     what the ledger says of the current content
    future       what happens next, and what the operator can do
    timeline     what happened so far
    wording    times and texts, for people and machines
    printing   tables for people
    forget     asks, erases one pair by means of
    erasure      the order of it, and who may be at work meanwhile

The five from `status` to `timeline` are pure.
"""
