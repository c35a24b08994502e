// Runs calls of the vendor's SDK for Node.js: a list of [method, parameters] in, results out.
const COS = require(process.argv[2]);
const { keys, proxy, region, bucket, calls } = JSON.parse(require('fs').readFileSync(0, 'utf8'));

const cos = new COS({ ...keys, Protocol: 'http:', Proxy: proxy, ChunkRetryTimes: 0 });

async function run() {
  const results = [];
  for (const [method, parameters] of calls) {
    const own = { ...parameters, Bucket: bucket, Region: region };
    if (own.Bytes !== undefined) {
      own.Body = Buffer.alloc(own.Bytes, own.Body);
      delete own.Bytes;
    }
    try {
      const { Body, headers, ...rest } = await cos[method](own);
      results.push({ ...rest, Body: Body === undefined ? undefined : Body.toString() });
    } catch (error) {
      results.push({ statusCode: error.statusCode, code: error.code });
    }
  }
  process.stdout.write(JSON.stringify(results));
}

run();
