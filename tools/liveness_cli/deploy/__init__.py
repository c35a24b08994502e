"""`liveness deploy`, `rollback`, `remove` and `accept`: set up an installation, and remove it.

    commands          the command line
    project           the folder that is deployed from, its .env and the keys
    manifest          what serverless.yml says
    package           what is uploaded
    desired           the wanted state of the account
    account           the account, and reads its state into
    found               values
    plan              compares both, and puts changes in a safe order, from
      refusals          why it must not begin
      bucket_plan       buckets and lifecycle rules
      log_plan          log topic, index and alarms
      role_plan         policies and the role
      release_plan      code, settings and versions
      trigger_plan      timers and COS triggers
    change            one planned change
    actions           makes the changes; each may be repeated
    stamp             the description of a published version
    managed_function  the function's code, versions, alias and triggers
    named_policies    policies and the role
    alarms            the alarms of docs/operating.md, and the index they need
    log_service       log topic, index and alarms in CLS
    check_version     makes a new version check itself
    deployment        `liveness deploy`
    rollback          `liveness rollback`
    removal           `liveness remove`
    acceptance        `liveness accept`, with the
      open_questions    that tests/live asks, too
    printing          prints plans

`manifest`, `stamp`, `desired`, `found`, `alarms`, `plan` and its parts are pure.
"""
