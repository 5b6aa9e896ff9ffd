import type { Answer } from '../../request/call.ts'
import { publicRoute } from '../../route.ts'
import { metadataXml } from '../../saml/service-provider.ts'
import { samlOn } from './on.ts'

/** What an identity provider must know of us. */
export const ssoMetadata = publicRoute({
  method: 'GET',
  path: '/sso/saml/metadata',
  async handle(call, state): Promise<Answer> {
    const sp = samlOn(state)
    const download = call.query.get('download') === 'true'
    return {
      status: 200,
      text: metadataXml(sp, download),
      headers: {
        'content-type': 'application/xml',
        // While a key is about to change, everybody shall look often.
        'cache-control': `public, max-age=${sp.nextKey ? 60 : 600}`,
        ...(download ? { 'content-disposition': 'attachment; filename="metadata.xml"' } : {}),
      },
    }
  },
})
