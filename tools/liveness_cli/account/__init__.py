"""The installation in the account: `liveness configure` sets it, `liveness doctor` checks it.

    commands   the command line
    access     from the environment to the account
    api        calls of API 3.0
    errors     how they fail
    function   the deployed function and its triggers, as SCF tells of them
    role       the function's role, as CAM tells of it
    buckets    settings of buckets, as COS tells of them
    lifecycle  rules of a bucket: what one does, and ours among them
    configure  sets what is wanted, and tells before and after; by means of
    wanted       what that is
    setting      one thing that is set
    retention    how long objects are kept
    examine    reads all that doctor concludes from
    facts      what was read, as values
    checks     from facts to findings; with check_triggers, check_role, check_lifecycle
    findings   what doctor says of one thing
    printing   tables for people

`lifecycle`, `checks` and its three parts are pure.
"""
