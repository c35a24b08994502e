"""Map a host name to the service that it addresses: one server implements all of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

_FACEID_HOST = re.compile(r"faceid(?:\.[a-z]+-[a-z]+(?:-\d+)?)?\.intl\.tencentcloudapi\.com")
_CONTROL_HOST = re.compile(
    r"(?P<service>cam|cls|scf|sts)(?:\.[a-z]+-[a-z]+(?:-\d+)?)?(?:\.intl)?\.tencentcloudapi\.com"
)

# The bucket may be empty or contain dots: COS, not another host, must refuse such a name.
_VIRTUAL_HOST = re.compile(
    r"(?P<bucket>.*)\."
    r"(?:cos\.(?P<region>[a-z0-9-]+)\.(?P<domain>myqcloud\.com|tencentcos\.cn)"
    r"|cos-internal\.(?P<internal>[a-z0-9-]+)\.tencentcos\.cn)"
)
_COS_SERVICE_HOST = re.compile(
    r"(?:service\.cos|cos(?:-internal)?\.(?P<region>[a-z0-9-]+))\.(?:myqcloud\.com|tencentcos\.cn)"
)


@dataclass(frozen=True)
class CosHost:
    """`<bucket-appid>.cos.<region>.myqcloud.com` and its spellings."""

    bucket: str
    region: str
    plain: bool
    """Whether it is the default COS domain: the face API accepts no other [doc 1061/46849]."""


@dataclass(frozen=True)
class CosServiceHost:
    """`service.cos.myqcloud.com`, or `cos.<region>.myqcloud.com` for one region; has no bucket."""

    region: str | None


@dataclass(frozen=True)
class FaceIdHost:
    pass


@dataclass(frozen=True)
class ControlHost:
    """The API that manages roles (cam), logs (cls) or functions (scf), or issues keys (sts)."""

    service: str


@dataclass(frozen=True)
class LocalHost:
    """The sandbox itself, not addressed by any host name of the cloud."""


@dataclass(frozen=True)
class UnknownHost:
    """A host outside the emulated cloud, which a real proxy would look up on the internet."""


Host = CosHost | CosServiceHost | FaceIdHost | ControlHost | LocalHost | UnknownHost


def host_of(name: str) -> Host:
    """Classify a host name, which is in lower case and without a port."""
    if match := _VIRTUAL_HOST.fullmatch(name):
        return CosHost(
            match["bucket"],
            match["region"] or match["internal"],
            plain=match["domain"] == "myqcloud.com",
        )
    if match := _COS_SERVICE_HOST.fullmatch(name):
        return CosServiceHost(match["region"])
    if _FACEID_HOST.fullmatch(name):
        return FaceIdHost()
    if match := _CONTROL_HOST.fullmatch(name):
        return ControlHost(match["service"])
    if name in ("127.0.0.1", "localhost"):
        return LocalHost()
    return UnknownHost()


def bucket_host(bucket: str, region: str) -> str:
    return f"{bucket}.cos.{region}.myqcloud.com"


def object_url(bucket: str, region: str, key: str) -> str:
    return f"http://{bucket_host(bucket, region)}/{quote(key, safe='/-_.~')}"
