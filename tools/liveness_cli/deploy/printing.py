"""Print plans and their outcomes for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..account.printing import print_findings
from ..console import Page
from ..terminal import echo
from ..text import pluralize

_STATES = {"to do": "", "left": "left as it is", "done": "set", "failed": "failed"}


def print_plan(value: Mapping[str, Any]) -> None:
    """Print what would be changed."""
    page = Page()
    page.title(f"Function {value['function']} in {value['region']}, bucket {value['bucket']}")
    rows = []
    for each in value["changes"]:
        before, after = each["before"], each["after"]
        text = after if before == "none" else f"{before} -> {after}"
        if each["meaning"]:
            text += f" ({each['meaning']})"
        rows.append((each["resource"], text, _STATES.get(each["state"], each["state"])))
        if each["risk"]:
            rows.append(("", f"Risk: {each['risk']}.", ""))
    page.table("", ("", "", ""), rows, all_rows=True)
    page.print()
    for text in value["kept"]:
        echo(f"\nStays: {text}.")
    if any(each["state"] == "left" for each in value["changes"]):
        echo(
            "\nWhat is left as it is was changed by hand in the account: --mend makes it as "
            "serverless.yml says."
        )


def print_deployed(value: Mapping[str, Any]) -> None:
    """Print what a deployment changed, or why it changed nothing."""
    if value["refusals"]:
        count = pluralize(len(value["refusals"]), "problem")
        echo(f"Nothing was changed: {count}.")
        for text in value["refusals"]:
            echo(f"- {text}.")
        return
    if value["changes"]:
        print_plan(value)
    if value["error"]:
        echo(f"\nFailed: {value['error']}")
        echo("Running the command again goes on from here.")
        return
    states = {each["state"] for each in value["changes"]}
    if value["dry_run"]:
        echo("\nNothing was changed: this is a dry run." if states else "Nothing would change.")
        return
    if not states & {"done"}:
        echo("Nothing changed: what is deployed is what serverless.yml and this code say.")
    if value["doctor"]:
        echo("")
        print_findings(value["doctor"])
