"""`liveness policies`: least-privilege CAM policies, and what a policy allows.

    commands   the command line
    roles      the roles, and what each is for
    policies   a policy for each role, from the settings alone
    conditions what a request's headers must be like
    language   the part of the policy language that is used here
    evaluator  whether policies allow a request

All but `commands` are pure.
"""
