"""`liveness token` and `liveness upload`: what a customer's backend and app do, by hand.

commands  the command line
inputs    which file goes under which key; pure
grant     temporary keys for the app, from STS
upload    uploads, and waits for the result
"""
