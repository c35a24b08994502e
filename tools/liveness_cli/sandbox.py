"""`liveness sandbox`: a local emulator of the cloud, for any program that needs one."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .checkout import function_code
from .local_cloud import BUCKET, REGION, TIMERS, function_environment, function_settings
from .options import FiniteRange
from .permissions import policies
from .sandbox_command import run_inside, run_shell
from .sandbox_identities import (
    ROLE_NAMES,
    environment_of,
    identities_for,
    no_identities,
    print_environment,
)
from .terminal import echo

if TYPE_CHECKING:
    from liveness_sandbox import Identities, Sandbox


@click.command(context_settings={"allow_interspersed_args": False})
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port to listen on; default: any free port.",
)
@click.option(
    "--data",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep objects in DIR for the next start; default: discard them at the end.",
)
@click.option("--region", default=REGION, show_default=True, help="Region of COS and the face API.")
@click.option("--bucket", default=BUCKET, show_default=True, help="Name of the bucket to create.")
@click.option("--no-function", is_flag=True, help="Do not deploy the function.")
@click.option(
    "--empty",
    is_flag=True,
    help="Start an account without bucket, function, users and roles, for `liveness deploy`.",
)
@click.option(
    "--instances",
    type=click.IntRange(1),
    help="Maximum number of concurrent invocations; default: what --reserved-mb allows, else 2.",
)
@click.option(
    "--reserved-mb",
    type=click.IntRange(0),
    help="Reserved quota of the function at 128 MB per instance: events beyond it get 432; "
    "0 stops the function.",
)
@click.option(
    "--dead-letters",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write dead letters to DIR; default: discard them.",
)
@click.option(
    "--speed",
    type=FiniteRange(0, min_open=True),
    default=1.0,
    show_default=True,
    help="Divide the platform's delays: at 60, a minute between two tries takes a second.",
)
@click.option(
    "--scenario",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="JSON file of faults to inject from the start.",
)
@click.option("--quiet", is_flag=True, help="Do not show what happens.")
@click.option("--log", is_flag=True, help="Show the function's log, too.")
@click.option(
    "--role",
    type=click.Choice(ROLE_NAMES),
    help="Run the command or the shell as this role in the sandbox that runs (on --port, or as "
    "http_proxy says); without either print the role's environment.",
)
@click.option("--shell", is_flag=True, help="Run your shell inside it, and end with it.")
@click.argument("command", nargs=-1, metavar="[-- COMMAND...]", type=click.UNPROCESSED)
@click.pass_context
def sandbox(
    context: click.Context,
    port: int,
    data: Path | None,
    region: str,
    bucket: str,
    no_function: bool,
    empty: bool,
    instances: int | None,
    reserved_mb: int | None,
    dead_letters: Path | None,
    speed: float,
    scenario: Path | None,
    quiet: bool,
    log: bool,
    role: str | None,
    shell: bool,
    command: tuple[str, ...],
) -> None:
    """Run a local emulator of Tencent Cloud on one port.

    \b
    Emulates
      COS       XML API of one bucket: objects, listings, multipart uploads, copies,
                forms, encryption rules, notifications; verifies signatures
      FaceID    DetectReflectLivenessAndCompare and CreateUploadUrl; verifies TC3
                signatures, downloads both links, allows 5 requests per second
      SCF       the function of this checkout (src/), in processes of its own,
                triggered by uploads under the input prefix and by its timers; a
                failed event is retried twice, a minute apart, an event over the
                quota every minute for 6 hours; limits: 128 MB and 60 seconds;
                `liveness configure` changes quota, retries and age; other functions
                are created through its API, and run from what was uploaded
      CAM       enforces policies for every request: the function runs under the
                role of `liveness policies`, and each other role of it has keys;
                roles and policies can be created and changed
      STS       GetFederationToken, AssumeRole, GetCallerIdentity
      CLS       configuration of log topics, indexes, alarms and dashboards
    With --empty the account has none of these, only its owner's key: deploy into it.
    What is not emulated is refused; docs/sandbox.md lists it.

    Runs until Ctrl-C or SIGTERM, or until COMMAND ends, which runs inside it and whose exit status
    is returned. Listens on 127.0.0.1 only and makes no outgoing connections. Other hosts get 502.
    There is no HTTPS.

    Shows on standard error what happens: uploads, what woke the function and what came of it,
    verdicts, requests that were refused, faults; in a terminal as a view that keeps up.

    \b
    Connecting a client
        liveness sandbox -- python my_client.py
        liveness sandbox --shell
      COMMAND has the environment that leads there, and nothing of the surrounding one
      that leads elsewhere: no other keys, settings or proxies. Without COMMAND that
      environment is printed after a first line that says that the sandbox is ready.
      Every HTTP client that respects http_proxy then reaches it under the real
      host names, over plain HTTP: CosConfig(Scheme="http", ...) for the COS SDK,
      HttpProfile(protocol="http") for the API SDK. Or give the SDK the address:
        CosConfig(..., Scheme="http", Proxies={"http": "http://127.0.0.1:PORT"})
      `liveness invoke EVENT.json` with that environment runs the handler against
      it. The keys are new at every start. LIVENESS_* settings in the sandbox's
      own environment apply to the function.
      These are the keys of the account's owner, who may do everything. To work as
      the app, the backend, an operator and so on, from inside:
        liveness sandbox --role app -- python my_app.py

    \b
    Scripting the face API
      A liveness package that is a JSON object with the field "sandbox" chooses the
      answer:
        {"sandbox": true, "code": "FailedOperation.LivessDetectFake"}
      Any other package counts as a live person: Success, 96.3. All fields are
      optional:
        code          the verdict; default "Success"
        channel       "result" (default): code is in Result of a normal response;
                      "error": it is an API error
        sim           Sim; default 96.3 for Success, else 0
        description   Description
        delay         seconds before the answer
        frame         the best frame: "ok" (default), "none", "wrong-md5", "not-jpeg",
                      "too-large", "foreign-host", "redirect", "missing", "md5-string"
        picture       JPEG in base64 that the best frame shows; default: the reference
        drop          "before" or "after": reset the connection before or after the
                      call counts
        body, http_status, content_type
                      the HTTP response, verbatim
        response      object merged over Response at the end; null removes a field
        times         apply all this to the first N calls only; later ones succeed
        comment       ignored

    \b
    Injecting faults
      --scenario FILE contains faults, and other initial conditions:
        {"faults": [{"match": {"method": "PUT", "key": "*.claim", "times": 1},
                     "do": {"drop": "after"}}],
         "clock": {"advance": 3600},
         "faceid": {"rate_limit": 10, "limiter": "token-bucket"},
         "cam": {"users": {"auditor": {"policies": {"read": POLICY}}}}}
      match: service, method, bucket, key, action, user_agent (patterns with *),
      times, probability, seed. do: one of delay, status (with code), code, drop,
      reset, stale_list, head_lag, racing_puts; when: before or after.
      While the sandbox runs, send the same as JSON to the address it listens on:
        POST, GET, DELETE /_sandbox/faults    POST, GET /_sandbox/clock
        POST, GET /_sandbox/faceid            POST, GET /_sandbox/cam
        GET /_sandbox/environment/NAME        GET /_sandbox/requests
      Advancing the clock makes retries and timers due, and makes keys, frames and
      upload links expire.
    """
    # Its HTTP server would slow every --help.
    from liveness_sandbox import (
        DataError,
        DeployOptions,
        InvalidFault,
        RegionMismatch,
        ReservationTooLarge,
        Sandbox,
        TimerTrigger,
        load_scenario,
        serve,
    )

    work = run_shell if shell else partial(run_inside, command) if command else None
    if shell and command:
        raise click.UsageError("give either --shell or a command")
    if role is not None:
        variables = environment_of(role, port)
        if work is None:
            print_environment(variables)
            return
        context.exit(work(variables))
    if not re.fullmatch(rf"[a-z0-9][a-z0-9-]*-{Sandbox.appid}", bucket):
        raise click.ClickException(
            f"--bucket {bucket}: give a full bucket name in the sandbox's account, such as {BUCKET}"
        )
    if not re.fullmatch(r"[a-z0-9-]+", region):
        raise click.ClickException(
            f"--region {region}: give the name of a region, such as {REGION}"
        )
    environment = {} if empty else function_environment(bucket)
    code = None if no_function or empty else function_code()
    identities = no_identities()
    if not empty:
        identities = _identities(environment, region, required=not no_function)
    try:
        status = serve(
            None if empty else bucket,
            code,
            DeployOptions(
                environment=environment,
                triggers=[TimerTrigger(name, name, cron) for name, cron in TIMERS.items()],
                instances=instances,
                reserved_mb=reserved_mb,
                dead_letters=dead_letters,
                role=policies.FUNCTION_ROLE,
            ),
            identities,
            region=region,
            port=port,
            data=data,
            speed=speed,
            scenario=None if scenario is None else load_scenario(scenario),
            print=echo,
            watch=(lambda _: nullcontext()) if quiet else partial(_watching, environment, log),
            work=work,
        )
    except InvalidFault as error:
        raise click.ClickException(f"--scenario: {error}") from None
    except (DataError, RegionMismatch) as error:
        raise click.ClickException(f"--data: {error}") from None
    except ReservationTooLarge as error:
        raise click.ClickException(f"--reserved-mb: {error}") from None
    except OSError as error:
        raise click.ClickException(f"cannot start: {error.strerror or error}") from None
    context.exit(status)


def _watching(
    environment: dict[str, str], log: bool, sandbox: Sandbox
) -> AbstractContextManager[None]:
    from liveness_sandbox.serving import DEFAULT_INPUT_PREFIX

    from .sandbox_activity import watching

    prefix = environment.get("LIVENESS_INPUT_PREFIX", DEFAULT_INPUT_PREFIX)
    return watching(sandbox, prefix, log=log)


def _identities(environment: dict[str, str], region: str, *, required: bool) -> Identities:
    """Make the roles for these settings, or none if no function could have these settings."""
    try:
        settings = function_settings(environment, region)
    except click.ClickException:
        if required:
            raise
        return no_identities()
    identities, problems = identities_for(settings)
    for problem in problems:
        echo(problem, err=True)
    return identities
