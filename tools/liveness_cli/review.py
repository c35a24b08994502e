"""`liveness review`: the page for the people who look at results and decide."""

from __future__ import annotations

import click


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port to listen on; default: any free port.",
)
@click.option("--no-browser", is_flag=True, help="Print the address only.")
def review(port: int, no_browser: bool) -> None:
    """Look at the two faces, the verdict and the figures, and decide. MAY WRITE DECISIONS.

    Serves a page on 127.0.0.1, for one browser of this machine and with your own keys, until
    Ctrl-C. The address that it prints works once. Pictures come from the bucket through this
    process and are stored nowhere; results are kept in a local file without pictures.

    A decision is one new object beside the result, review-<n>.json; result.json never changes.
    `liveness policies --role reviewer` prints the policy that this needs.
    """
    # The server, the SDKs and the templates would slow every --help.
    from liveness_review.page import review as run_page
    from liveness_review.session import local_index

    from .console import progress
    from .environment import load_target
    from .interrupts import Interrupted, interruptible
    from .terminal import echo

    def warn(text: str) -> None:
        echo(text, err=True)

    target = load_target()
    try:
        with interruptible():
            run_page(
                target,
                local_index(target),
                port=port,
                opens_browser=not no_browser,
                progress=progress,
                echo=echo,
                warn=warn,
            )
    except Interrupted:
        return  # the way to end it
    except OSError as error:
        raise click.ClickException(f"cannot start: {error.strerror or error}") from None
