// Deploy a function with the vendor's own toolkit, as the component on the vendor's server does.
// No request is sent: each is recorded, and answered as a cloud that contains `existing` would.
//
//     {region, inputs, existing: {function, triggers}} on stdin -> the requests, as JSON, on stdout
'use strict';

for (const protocol of [require('http'), require('https')]) {
  protocol.request = () => {
    throw new Error('a request left the machine');
  };
}
console.log = console.error; // the toolkit prints its progress

const { Capi } = require('@tencent-sdk/capi');
const { Scf } = require('tencent-component-toolkit');

const task = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const requests = [];
let deployed = task.existing.function;

const ANSWERS = {
  GetFunction: () =>
    deployed
      ? { ...deployed, Status: 'Active' }
      : { Error: { Code: 'ResourceNotFound.Function', Message: 'no such function' } },
  CreateFunction: (request) => {
    deployed = request;
    return {};
  },
  UpdateFunctionCode: () => ({}),
  UpdateFunctionConfiguration: () => ({}),
  GetAlias: () => ({}),
  ListTriggers: () => ({
    Triggers: task.existing.triggers,
    TotalCount: task.existing.triggers.length,
  }),
  CreateTrigger: (request) => ({ TriggerInfo: request }),
  DeleteTrigger: () => ({}),
  DescribeResourceTagsByResourceIds: () => ({ Tags: [], TotalCount: 0 }),
  DescribeTags: () => ({ Tags: [], TotalCount: 0 }),
  CreateTag: () => ({}),
  AttachResourcesTag: () => ({}),
};

Capi.prototype.request = async function (request) {
  requests.push({ Region: this.options.Region, ...request });
  return { Response: ANSWERS[request.Action](request) };
};

new Scf({ SecretId: 'id', SecretKey: 'key' }, task.region).deploy(task.inputs).then(
  () => process.stdout.write(JSON.stringify(requests)),
  (error) => {
    console.error(error);
    process.exitCode = 1;
  },
);
