"""Peak memory of a cold instance with a large package that was uploaded in parts."""

from __future__ import annotations

from .environment import MIB, Environment, Handler, RunFailed

PACKAGE_MIB = 200
_PART_MIB = 20


def upload_package(environment: Environment) -> str:
    """Upload a pair with a package of 200 MB whose ETag is not an MD5, so it must be hashed."""
    pair = environment.new_pair(image=environment.image)
    target = {"Bucket": environment.bucket.name, "Key": f"{pair}/live.bin"}
    cos = environment.uploader()
    upload = cos.create_multipart_upload(**target)["UploadId"]
    parts = []
    for number in range(1, PACKAGE_MIB // _PART_MIB + 1):
        body = bytes([number]) * (_PART_MIB * MIB)
        etag = cos.upload_part(**target, Body=body, PartNumber=number, UploadId=upload)["ETag"]
        parts.append({"PartNumber": number, "ETag": etag})
    cos.complete_multipart_upload(**target, UploadId=upload, MultipartUpload={"Part": parts})
    return pair


def peak_kb(environment: Environment, handler: Handler, pair: str, transfer: str) -> int:
    """Measure the peak of one event, after removing results and ledger of earlier events."""
    for prefix in ("liveness/results/", "liveness/frames/", "liveness/ledger/"):
        for key in environment.bucket.keys(prefix):
            environment.bucket.delete(key)
    run = environment.run_handler(
        handler, environment.event(f"{pair}/live.bin"), {"LIVENESS_TRANSFER": transfer}
    )
    environment.check_published(pair)
    peak = run.report["peak_kb"]
    if not isinstance(peak, int):
        raise RunFailed("no peak in the report")
    return peak
