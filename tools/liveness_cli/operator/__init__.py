"""The operator's commands: what is in the bucket, why, and what can be done about it.

    commands   the command line
    actions    what the commands do, up to the value that is printed
    remote     makes the deployed function do all writes
    reader     reads the bucket
    snapshot   what was read, as values
    status     makes the value of `liveness status` from a snapshot
    explain    makes the value of `liveness explain` from a snapshot, with
    attempts     the ledger's records of the current content
    submissions  all contents of the pair, and other pairs with its package
    outlook      what happens next, and what the operator can do
    timeline     what happened so far
    sentences    the words of both, in English and Chinese
    printing   prints the values for people
    forget     `liveness forget`: asks, erases one pair, and reports, with
    erasure      the order of deletion, and the wait for running invocations
    packages   which liveness packages a pair had

The modules from `status` to `timeline`, and `packages`, are pure.
"""
