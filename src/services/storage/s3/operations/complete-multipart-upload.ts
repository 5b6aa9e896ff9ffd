// CompleteMultipartUpload: the parts that the client lists, in its order, become the object.
import type { UploadedPart } from '../../backend/backend.ts'
import { errors } from '../../errors.ts'
import { tryUpload } from '../../objects/upload.ts'
import { type Operation, textBody } from '../exchange.ts'
import { finishUpload } from '../multipart/finish.ts'
import { MAX_PARTS } from '../multipart/store-part.ts'
import { findUpload, type PartRow, partsQuery, requestOf } from '../multipart/uploads.ts'
import { refusals } from '../refusals.ts'
import { childrenOf, readXml, textOf } from '../xml/read.ts'

export const completeMultipartUpload: Operation = {
  name: 'storage.s3.upload.complete_multipart',
  async run(exchange) {
    const { ctx, call, bucket, key, query } = exchange
    const listed = readRequest(await textBody(exchange))
    const { upload } = await findUpload(ctx, call, { uploadId: query.get('uploadId') ?? '', bucket, key })
    // Who may not write must not learn which parts there are.
    await tryUpload(ctx, call, requestOf(upload))
    const known = await ctx.database.rowsAsService<PartRow>(call, partsQuery(upload.id, 0, MAX_PARTS))
    const row = await finishUpload(exchange, upload, chosen(listed, known, upload.id))
    return {
      status: 200,
      tree: { CompleteMultipartUploadResult: { Location: `${bucket}/${key}`, Bucket: bucket, Key: key, ETag: row.metadata?.eTag } },
    }
  },
}

function readRequest(text: string): UploadedPart[] {
  if (text.trim() === '') return []
  const root = readXml(text)
  if (root.name !== 'CompleteMultipartUpload') throw errors.invalidShape("Body must have required property 'CompleteMultipartUpload'")
  return childrenOf(root, 'Part').map((part) => {
    const number = textOf(part, 'PartNumber')?.trim() ?? ''
    if (!/^\d{1,5}$/.test(number)) throw errors.invalidShape('Body, CompleteMultipartUpload, Part, PartNumber must be integer')
    return { number: Number(number), etag: textOf(part, 'ETag')?.trim() ?? '' }
  })
}

const bare = (etag: string): string => etag.replace(/^"(.*)"$/, '$1')

/** Throws InvalidPartOrder, MissingPart, InvalidChecksum. Without a list all parts are meant. */
function chosen(listed: readonly UploadedPart[], known: readonly PartRow[], uploadId: string): UploadedPart[] {
  if (listed.length === 0) {
    if (known.length === 0) throw errors.missingPart(1, uploadId)
    return known.map(({ part_number, etag }) => ({ number: part_number, etag }))
  }
  const etags = new Map(known.map(({ part_number, etag }) => [part_number, etag]))
  let before = 0
  return listed.map(({ number, etag }) => {
    if (number <= before) throw refusals.invalidPartOrder()
    before = number
    const right = etags.get(number)
    if (right === undefined) throw errors.missingPart(number, uploadId)
    if (etag !== '' && bare(etag) !== bare(right)) throw errors.invalidChecksum(`Invalid ETag for part ${number}`)
    return { number, etag: right }
  })
}
