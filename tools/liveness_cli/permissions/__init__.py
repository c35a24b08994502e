"""`liveness policies`: least-privilege CAM policies, and what a policy allows.

    commands   the command line
    roles      the roles, and the purpose of each
    policies   a policy for each role, from the settings alone
    conditions requirements for a request's headers
    language   the part of the policy language that is used here
    evaluator  whether policies allow a request

All but `commands` are pure.
"""
