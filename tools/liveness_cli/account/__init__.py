"""The installation in the account: `liveness configure` sets it up, `liveness doctor` checks it.

    commands      the command line
    installation  what the environment names: function, role, buckets
    api           calls of API 3.0
    errors        how requests fail
    function      the deployed function and its triggers, as reported by SCF
    role          the function's role, as reported by CAM
    buckets       settings of buckets, as reported by COS
    lifecycle     lifecycle rules of a bucket: their effect, and the ones we manage
    configure     applies a request and reports values before and after, with
    request         what to set
    change          one request to the cloud, and what it sets
    retention       the changes of lifecycle rules
    examine       reads everything that doctor's checks need
    facts         the facts that it read, as values
    checks        turns facts into findings; with check_triggers, check_role, check_lifecycle
    same_settings whether function and command work on the same objects
    findings      the result of one check
    printing      prints the values for people

`lifecycle`, `same_settings`, `checks` and its three parts are pure.
"""
