"""`liveness policies`: who may do what, as CAM policies, and what a policy allows.

    commands   the command line
    roles      who there is, and what each is for
    policies   a policy for each, of the settings alone
    language   the policy language, as far as it is used here
    evaluator  whether policies allow a request

All but `commands` are pure.
"""
