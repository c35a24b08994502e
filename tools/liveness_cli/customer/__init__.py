"""`liveness token` and `liveness upload`: the work of a customer's backend and app, by hand.

commands  the command line
inputs    which file gets which key; pure
grant     temporary keys for the app, from STS
upload    uploads, and waits for the result
"""
