"""Fault injection against the function in real processes, over HTTP.

Where the deterministic simulation calls the function's code with everything around it simulated,
chaos deploys it to the sandbox: real processes, real SDKs, real time. Instances are killed by
SIGKILL, requests and replies are lost, claims race. `python -m tests.chaos --help` says how to run
it.

    workload.py      what people upload, and the answer to each
    plan.py          one run's uploads, notifications, faults and kills, drawn from its seed
    recorder.py      records every effect, kills instances, lets creates race
    run.py           one run: with faults, then without; run_record.py: what the checks read
    billing.py       how many billed calls the injected faults explain
    checks/          the invariants
    campaign.py      many runs; timeline.py prints a failed one
"""
