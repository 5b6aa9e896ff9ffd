// Which operation a request asks for: by its method, whether it names a bucket and a key, and the sub-resource in its query.
import type { Asked, Operation } from './exchange.ts'
import { isForm } from './form.ts'
import { abortMultipartUpload } from './operations/abort-multipart-upload.ts'
import { completeMultipartUpload } from './operations/complete-multipart-upload.ts'
import { copyObject } from './operations/copy-object.ts'
import { createBucket } from './operations/create-bucket.ts'
import { createMultipartUpload } from './operations/create-multipart-upload.ts'
import { deleteBucket } from './operations/delete-bucket.ts'
import { deleteObject } from './operations/delete-object.ts'
import { deleteObjects } from './operations/delete-objects.ts'
import { getBucketLocation } from './operations/get-bucket-location.ts'
import { getBucketVersioning } from './operations/get-bucket-versioning.ts'
import { getObject } from './operations/get-object.ts'
import { getObjectTagging } from './operations/get-object-tagging.ts'
import { headBucket } from './operations/head-bucket.ts'
import { headObject } from './operations/head-object.ts'
import { listBuckets } from './operations/list-buckets.ts'
import { listMultipartUploads } from './operations/list-multipart-uploads.ts'
import { listObjectVersions } from './operations/list-object-versions.ts'
import { listObjects, listObjectsV2 } from './operations/list-objects.ts'
import { listParts } from './operations/list-parts.ts'
import { postObject } from './operations/post-object.ts'
import { putObject } from './operations/put-object.ts'
import { uploadPart } from './operations/upload-part.ts'
import { uploadPartCopy } from './operations/upload-part-copy.ts'
import { refusals } from './refusals.ts'

/** What S3 has below a bucket or an object and this server has not: to be refused, and never to be taken for the thing itself. */
const SUBRESOURCES: ReadonlySet<string> = new Set([
  'accelerate',
  'acl',
  'analytics',
  'attributes',
  'cors',
  'encryption',
  'intelligent-tiering',
  'inventory',
  'legal-hold',
  'lifecycle',
  'logging',
  'metadataConfiguration',
  'metadataTable',
  'metrics',
  'notification',
  'object-lock',
  'ownershipControls',
  'policy',
  'policyStatus',
  'publicAccessBlock',
  'renameObject',
  'replication',
  'requestPayment',
  'restore',
  'retention',
  'select',
  'session',
  'tagging',
  'torrent',
  'versioning',
  'website',
])

/** Undefined where S3 has no such operation. */
export function operationFor(asked: Asked): Operation | undefined {
  const chosen = choose(asked)
  if (chosen !== undefined && !REFINED.has(chosen)) return chosen
  for (const name of asked.query.keys()) if (SUBRESOURCES.has(name)) return notImplemented(name)
  return chosen
}

/** Operations that another one is meant by when a sub-resource stands in the query. */
const REFINED: ReadonlySet<Operation> = new Set([
  copyObject,
  createBucket,
  deleteBucket,
  deleteObject,
  getObject,
  headBucket,
  headObject,
  listObjects,
  listObjectsV2,
  putObject,
])

function choose(asked: Asked): Operation | undefined {
  if (asked.bucket === '') return asked.method === 'GET' && asked.key === '' ? listBuckets : undefined
  return asked.key === '' ? ofBucket(asked) : ofObject(asked)
}

function ofBucket(asked: Asked): Operation | undefined {
  const { method, query } = asked
  switch (method) {
    case 'GET':
      if (query.has('uploads')) return listMultipartUploads
      if (query.has('location')) return getBucketLocation
      if (query.has('versioning')) return getBucketVersioning
      if (query.has('versions')) return listObjectVersions
      return query.get('list-type') === '2' ? listObjectsV2 : listObjects
    case 'HEAD':
      return headBucket
    case 'PUT':
      return createBucket
    case 'DELETE':
      return deleteBucket
    case 'POST':
      if (query.has('delete')) return deleteObjects
      return isForm(asked) ? postObject : undefined
    default:
      return undefined
  }
}

function ofObject({ method, query, headers }: Asked): Operation | undefined {
  const copies = headers['x-amz-copy-source'] !== undefined
  switch (method) {
    case 'GET':
      if (query.has('tagging')) return getObjectTagging
      return query.has('uploadId') ? listParts : getObject
    case 'HEAD':
      return headObject
    case 'PUT':
      if (query.has('uploadId') || query.has('partNumber')) return copies ? uploadPartCopy : uploadPart
      return copies ? copyObject : putObject
    case 'POST':
      if (query.has('uploads')) return createMultipartUpload
      return query.has('uploadId') ? completeMultipartUpload : undefined
    case 'DELETE':
      return query.has('uploadId') ? abortMultipartUpload : deleteObject
    default:
      return undefined
  }
}

const notImplemented = (what: string): Operation => ({
  name: '',
  run: async () => {
    throw refusals.notImplemented(`The sub-resource ${what}`)
  },
})
