"""`liveness deploy`, `rollback`, `remove` and `accept`: an installation's way in, and out again.

    commands          the command line
    project           the folder that is deployed from, its .env and the keys
    manifest          what serverless.yml says
    package           what is uploaded
    desired           what is to be in the account
    account           the account, and reading what is in it, as
    found               values
    plan              compares both: what is changed, in a safe order, from
      refusals          why it must not begin
      bucket_plan       buckets and lifecycle rules
      log_plan          log topic, index and alarms
      role_plan         policies and the role
      release_plan      code, settings and versions
      trigger_plan      timers and COS triggers
    change            one thing that would be changed
    actions           the changes, each of which may be made again
    stamp             what a published version says of itself
    managed_function  the function's code, versions, alias and triggers
    named_policies    policies and the role
    alarms            the alarms of docs/operating.md, and the index they need
    log_service       log topic, index and alarms in CLS
    check_version     has a new version check itself
    deployment        `liveness deploy`
    rollback          `liveness rollback`
    removal           `liveness remove`
    acceptance        `liveness accept`, with the
      open_questions    that tests/live asks, too
    printing          prints plans

`manifest`, `stamp`, `desired`, `found`, `alarms`, `plan` and its parts are pure.
"""
