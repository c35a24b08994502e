"""The `liveness` command, for developers and operators of the function. Never deployed.

start        where the command begins
main         the command and its sub-commands
run          `liveness run`, with
report         what it prints
invoke       `liveness invoke`
sandbox      `liveness sandbox`
operator     status, explain, retry, reconcile, forget: what is in the bucket
account      configure, doctor: the installation in the account
permissions  `liveness policies`

environment  the bucket that the environment names
local_cloud  a temporary sandbox with the function in it
uploader     the customer's side of it
checkout     the repository that the command works on
console      prints lines, JSON, tables and progress
text         formats times, counts and foreign texts
options      options that several commands share
interrupts   Ctrl-C and SIGTERM
errors       how a command refuses to start
"""
