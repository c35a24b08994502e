"""The names that people type: a change here is a change of the public interface."""

from __future__ import annotations

import click

from liveness_cli.main import main

COMMANDS = {
    "accept": [
        "--live",
        "--reference",
        "--timeout",
        "--report",
        "--yes",
        "--manifest",
        "--json",
    ],
    "configure": [
        "--reserved-mb",
        "--retries",
        "--max-event-age",
        "--inputs-days",
        "--frames-days",
        "--results-days",
        "--dry-run",
        "--function-name",
        "--json",
    ],
    "cost": [
        "--call-price",
        "--write-price",
        "--read-price",
        "--since",
        "--until",
        "--offline",
        "--json",
    ],
    "deploy": [
        "--dry-run",
        "--yes",
        "--create-bucket",
        "--mend",
        "--notify",
        "--package",
        "--manifest",
        "--json",
    ],
    "doctor": ["--function-name", "--json"],
    "explain": ["PAIR_ID", "--json"],
    "export": ["DIRECTORY", "--format", "--status", "--since", "--until", "--offline", "--json"],
    "forget": ["PAIR_ID...", "--from", "--receipt", "--yes", "--dry-run", "--json"],
    "invoke": ["EVENT.json", "--sandbox", "--no-sample", "--yes"],
    "policies": ["--role", "--pair"],
    "reconcile": ["--prefix", "--dry-run", "--function-name", "--json"],
    "remove": ["--yes", "--delete-data", "--abandon-backlog", "--manifest", "--json"],
    "retry": ["PAIR_ID...", "--yes", "--log", "--function-name", "--json"],
    "review": ["--port", "--no-browser"],
    "rollback": ["--yes", "--manifest", "--json"],
    "run": ["--live", "--reference", "--pair-id"],
    "sandbox": [
        "--port",
        "--data",
        "--region",
        "--bucket",
        "--no-function",
        "--empty",
        "--instances",
        "--reserved-mb",
        "--dead-letters",
        "--speed",
        "--scenario",
        "--quiet",
        "--log",
        "--role",
        "--shell",
        "[-- COMMAND...]",
    ],
    "status": ["--limit", "--all", "--waiting", "--json"],
    "threshold": ["--at", "--since", "--until", "--offline", "--json"],
    "token": ["PAIR_ID", "--minutes", "--json"],
    "upload": ["PAIR_ID", "--live", "--reference", "--wait", "--timeout", "--json"],
}


def names(command: click.Command) -> list[str]:
    context = click.Context(command)
    return [
        name
        for parameter in command.params
        for name in (
            parameter.opts
            if isinstance(parameter, click.Option)
            else [parameter.make_metavar(context)]
        )
    ]


def test_the_sub_commands_and_their_options_are_public() -> None:
    assert {name: names(command) for name, command in main.commands.items()} == COMMANDS
