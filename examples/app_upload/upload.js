// Upload a liveness package with temporary keys, and go on where an earlier try was cut off.
//
// Not by the SDK's sliceUploadFile: it lists the bucket's uploads, which these keys may not, and
// completes an upload without the header that keeps an object from being overwritten.

const PART_BYTES = 2 * 1024 * 1024;
const CREATE_ONLY = { 'x-cos-forbid-overwrite': 'true' };
const TRIES = 3;

/**
 * Put `file` where `session` says.
 *
 * @param {object} session - pair_id, bucket, region, key and scheme, from the backend
 * @param {File} file
 * @param {() => Promise<object>} getKeys - called again whenever the keys are about to expire
 * @param {(fraction: number) => void} onProgress - called with 0 to 1
 * @returns {Promise<void>} rejected where the connection is lost: call it again with the same file
 */
export async function upload(session, file, getKeys, onProgress) {
  const cos = new window.COS({
    Protocol: `${session.scheme}:`,
    getAuthorization: (_, done) => getKeys().then(done, () => done({})),
  });
  const target = { Bucket: session.bucket, Region: session.region, Key: session.key };
  for (let gone = false; ; gone = true) {
    try {
      if (file.size > PART_BYTES) {
        await uploadInParts(cos, target, file, onProgress);
      } else {
        await retried(() =>
          cos.putObject({
            ...target,
            Body: file,
            Headers: { ...CREATE_ONLY },
            onProgress: ({ percent }) => onProgress(percent),
          }),
        );
      }
      break;
    } catch (error) {
      // There is an object: ours, as the keys are this session's only, and the reply was lost.
      if (error.statusCode === 409) break;
      // The upload in parts is gone: complete, which the next round finds out, or removed.
      if (error.statusCode !== 404 || gone) throw error;
    }
  }
  localStorage.removeItem(memoryOf(target.Key));
  onProgress(1);
}

async function uploadInParts(cos, target, file, onProgress) {
  const { UploadId, parts } = (await earlierUpload(cos, target, file)) ?? {
    UploadId: await beginUpload(cos, target, file),
    parts: new Map(),
  };
  const count = Math.ceil(file.size / PART_BYTES);
  for (let number = 1; number <= count; number += 1) {
    onProgress((number - 1) / count);
    if (parts.has(number)) continue;
    const Body = file.slice((number - 1) * PART_BYTES, number * PART_BYTES);
    const reply = await retried(() =>
      cos.multipartUpload({ ...target, UploadId, PartNumber: number, Body }),
    );
    parts.set(number, reply.ETag);
  }
  const Parts = Array.from({ length: count }, (_, index) => ({
    PartNumber: index + 1,
    ETag: parts.get(index + 1),
  }));
  await retried(() =>
    cos.multipartComplete({ ...target, UploadId, Parts, Headers: { ...CREATE_ONLY } }),
  );
}

async function beginUpload(cos, target, file) {
  const reply = await retried(() =>
    cos.multipartInit({ ...target, Headers: { ...CREATE_ONLY } }),
  );
  const memory = { UploadId: reply.UploadId, file: identityOf(file) };
  localStorage.setItem(memoryOf(target.Key), JSON.stringify(memory));
  return reply.UploadId;
}

/** Return the upload of the same file that was cut off, with its parts; null if there is none. */
async function earlierUpload(cos, target, file) {
  const memory = JSON.parse(localStorage.getItem(memoryOf(target.Key)));
  if (memory?.file !== identityOf(file)) return null;
  const parts = new Map();
  try {
    for (let marker = '', more = true; more; ) {
      const reply = await cos.multipartListPart({
        ...target,
        UploadId: memory.UploadId,
        PartNumberMarker: marker,
      });
      for (const part of reply.Part) parts.set(Number(part.PartNumber), part.ETag);
      marker = reply.NextPartNumberMarker;
      more = reply.IsTruncated === 'true';
    }
  } catch (error) {
    if (error.statusCode === 404) return null; // removed, or complete
    throw error;
  }
  return { UploadId: memory.UploadId, parts };
}

const identityOf = (file) => `${file.name} ${file.size} ${file.lastModified}`;

const memoryOf = (key) => `liveness-upload ${key}`;

/** Try again after errors that may pass by themselves. */
async function retried(request) {
  for (let number = 1; ; number += 1) {
    try {
      return await request();
    } catch (error) {
      const permanent = error.statusCode >= 400 && error.statusCode < 500;
      if (permanent || number === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1000 * number * Math.random()));
    }
  }
}
