"""`liveness sandbox`: the local stand-in for the cloud, for any program that wants one."""

from __future__ import annotations

import re
from pathlib import Path

import click

from .checkout import function_code
from .cloud import BUCKET, REGION, TIMERS, function_environment, function_settings
from .permissions import policies


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="0, the default: a free one."
)
@click.option(
    "--data",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep objects here, so that the next start finds them; default: nothing is kept.",
)
@click.option("--region", default=REGION, show_default=True, help="Region of COS and the face API.")
@click.option("--bucket", default=BUCKET, show_default=True, help="The bucket that there is.")
@click.option("--no-function", is_flag=True, help="Cloud only: uploads wake nothing.")
@click.option(
    "--instances",
    type=click.IntRange(1),
    help="Events worked on at once; default: what --reserved-mb allows, else 2.",
)
@click.option(
    "--reserved-mb",
    type=click.IntRange(0),
    help="Reserved quota: events over it get 432. 128 MB an instance; 0 stops the function.",
)
@click.option(
    "--dead-letters",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Leave a file here for every event that is given up; default: it is gone.",
)
@click.option(
    "--speed",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    help="Divides the platform's delays: at 60 a minute between two tries takes a second.",
)
@click.option(
    "--scenario",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Faults to begin with, as JSON.",
)
def sandbox(
    port: int,
    data: Path | None,
    region: str,
    bucket: str,
    no_function: bool,
    instances: int | None,
    reserved_mb: int | None,
    dead_letters: Path | None,
    speed: float,
    scenario: Path | None,
) -> None:
    """Play Tencent Cloud on one loopback port, until Ctrl-C or SIGTERM.

    \b
    It plays
      COS       XML API of one bucket: objects, lists, multipart, copies, forms,
                encryption rules, notifications; signatures are verified
      FaceID    DetectReflectLivenessAndCompare and CreateUploadUrl; TC3 signatures
                are verified, both links really downloaded, 5 requests a second
      SCF       the function of this checkout (src/), in processes of its own,
                woken by uploads under the input prefix and by its timers; an
                event that fails is tried twice more, a minute apart, one that is
                over the quota every minute for 6 hours; 128 MB and 60 seconds are
                the limits; `liveness configure` changes quota, retries and age
      CAM       the function's role, for `liveness doctor`; it is enforced nowhere

    It listens on 127.0.0.1 only, and reaches out to nobody. It is no proxy: hosts that it does
    not play get 502. There is no https.

    \b
    Pointing a client at it
      The first line on standard output says that it is ready, the lines after it
      are the environment that a client needs:
        liveness sandbox > sandbox.env &
        until grep -qs LIVENESS_BUCKET sandbox.env; do sleep 1; done
        source <(grep ^export sandbox.env)
      Every HTTP client that obeys http_proxy then reaches it under the true host
      names, by plain http: CosConfig(Scheme="http", ...) for the COS SDK,
      HttpProfile(protocol="http") for the API SDK. Or give the SDK the address:
        CosConfig(..., Scheme="http", Proxies={"http": "http://127.0.0.1:PORT"})
      `liveness invoke EVENT.json` with that environment runs the handler against
      it. The keys are new at every start. LIVENESS_* settings of the sandbox's
      own environment are the function's.

    \b
    Making the face API answer what you want
      A liveness package that is a JSON object with the field "sandbox" says it:
        {"sandbox": true, "code": "FailedOperation.LivessDetectFake"}
      Any other bytes are a live person: Success, 96.3. The fields, all optional:
        code          the verdict; default "Success"
        channel       "result" (default): code stands in Result of a normal response;
                      "error": it is an API error
        sim           Sim; default 96.3 for Success, else 0
        description   Description
        delay         seconds before the answer
        frame         the best frame: "ok" (default), "none", "wrong-md5", "not-jpeg",
                      "too-large", "foreign-host", "redirect", "missing", "md5-string"
        drop          "before" or "after": reset the connection before or after the
                      call counts
        body, http_status, content_type
                      the HTTP response, verbatim
        response      object merged over Response at the end; null removes a field
        times         all this for the first so many calls only; later ones succeed
        comment       yours

    \b
    Having things go wrong
      --scenario FILE holds faults, and what else there is to arrange:
        {"faults": [{"match": {"method": "PUT", "key": "*.claim", "times": 1},
                     "do": {"drop": "after"}}],
         "clock": {"advance": 3600},
         "faceid": {"rate_limit": 10, "limiter": "token-bucket"}}
      match: service, method, bucket, key, action, user_agent (patterns with *),
      times, probability, seed. do: one of delay, status (with code), code, drop,
      reset, stale_list, head_lag, racing_puts; when: before or after.
      The same while it runs, as calls with JSON on the address it listens on:
        POST, GET, DELETE /_sandbox/faults    POST, GET /_sandbox/clock
        POST, GET /_sandbox/faceid            GET /_sandbox/requests
      Moving the clock makes retries and timers due, and lets keys, frames and
      upload links expire.
    """
    # Its HTTP server would slow every --help.
    from liveness_sandbox import (
        DeployOptions,
        FunctionRole,
        InvalidFault,
        RegionMismatch,
        ReservationTooLarge,
        Sandbox,
        TimerTrigger,
        load_scenario,
        serve,
    )

    if not re.fullmatch(rf"[a-z0-9][a-z0-9-]*-{Sandbox.appid}", bucket):
        raise click.ClickException(
            f"--bucket {bucket}: give a full name in the sandbox's account, like {BUCKET}"
        )
    if not re.fullmatch(r"[a-z0-9-]+", region):
        raise click.ClickException(f"--region {region}: give a region's name, like {REGION}")
    environment = function_environment(bucket)
    code = role = None
    if not no_function:
        settings = function_settings(environment, region)
        code = function_code()
        # What `liveness doctor` looks for; whatever it says, every key may do everything here.
        role = FunctionRole(policies.trust(settings), policies.function(settings))
    try:
        serve(
            bucket,
            code,
            DeployOptions(
                environment=environment,
                triggers=[TimerTrigger(name, name, cron) for name, cron in TIMERS.items()],
                instances=instances,
                reserved_mb=reserved_mb,
                dead_letters=dead_letters,
            ),
            role,
            region=region,
            port=port,
            data=data,
            speed=speed,
            scenario=None if scenario is None else load_scenario(scenario),
            print=click.echo,
        )
    except InvalidFault as error:
        raise click.ClickException(f"--scenario: {error}") from None
    except RegionMismatch as error:
        raise click.ClickException(f"--data: {error}") from None
    except ReservationTooLarge as error:
        raise click.ClickException(f"--reserved-mb: {error}") from None
    except OSError as error:
        raise click.ClickException(f"cannot start: {error.strerror or error}") from None
