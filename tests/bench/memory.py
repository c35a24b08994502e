"""Peak memory of a cold instance with a large package that came by multipart upload."""

from __future__ import annotations

from .arena import MIB, Arena, Handler, RunFailed

PACKAGE_MIB = 200
_PART_MIB = 20


def upload_package(arena: Arena) -> str:
    """A pair with a package of 200 MB; its ETag is no MD5, so its bytes have to be hashed."""
    pair = arena.new_pair(image=arena.image)
    target = {"Bucket": arena.bucket.name, "Key": f"{pair}/live.bin"}
    cos = arena.uploader()
    upload = cos.create_multipart_upload(**target)["UploadId"]
    parts = []
    for number in range(1, PACKAGE_MIB // _PART_MIB + 1):
        body = bytes([number]) * (_PART_MIB * MIB)
        etag = cos.upload_part(**target, Body=body, PartNumber=number, UploadId=upload)["ETag"]
        parts.append({"PartNumber": number, "ETag": etag})
    cos.complete_multipart_upload(**target, UploadId=upload, MultipartUpload={"Part": parts})
    return pair


def peak_kb(arena: Arena, handler: Handler, pair: str, transfer: str) -> int:
    """The peak after one event. Results and ledger of earlier events are removed first."""
    for prefix in ("liveness/results/", "liveness/ledger/"):
        for key in arena.bucket.keys(prefix):
            arena.bucket.delete(key)
    run = arena.run_handler(
        handler, arena.event(f"{pair}/live.bin"), {"LIVENESS_TRANSFER": transfer}
    )
    arena.check_published(pair)
    peak = run.report["peak_kb"]
    if not isinstance(peak, int):
        raise RunFailed("no peak in the report")
    return peak
