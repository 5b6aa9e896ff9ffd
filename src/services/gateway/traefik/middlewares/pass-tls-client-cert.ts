// Tells services which certificate a client showed. Upstream: `passTLSClientCert`.
import type { PeerCertificate, TLSSocket } from 'node:tls'
import { z } from 'zod'
import { flag } from '../config/types.ts'
import { defineMiddleware } from './middleware.ts'

const names = z.object({
  country: flag.default(false),
  province: flag.default(false),
  locality: flag.default(false),
  organization: flag.default(false),
  organizationalUnit: flag.default(false),
  commonName: flag.default(false),
  serialNumber: flag.default(false),
  domainComponent: flag.default(false),
})
type Names = z.output<typeof names>

const PARTS: readonly (readonly [keyof Names, string])[] = [
  ['domainComponent', 'DC'],
  ['country', 'C'],
  ['province', 'ST'],
  ['locality', 'L'],
  ['organization', 'O'],
  ['organizationalUnit', 'OU'],
  ['serialNumber', 'SN'],
  ['commonName', 'CN'],
]

export const passTLSClientCert = defineMiddleware({
  name: 'passTLSClientCert',
  config: z.object({
    pem: flag.default(false),
    info: z
      .object({
        notAfter: flag.default(false),
        notBefore: flag.default(false),
        sans: flag.default(false),
        serialNumber: flag.default(false),
        subject: names.optional(),
        issuer: names.optional(),
      })
      .optional(),
  }),
  build({ pem, info }) {
    return (next) => (flight, answer) => {
      flight.headers.remove('x-forwarded-tls-client-cert')
      flight.headers.remove('x-forwarded-tls-client-cert-info')
      const certificate = (flight.req.socket as Partial<TLSSocket>).getPeerCertificate?.(false)
      if (certificate?.raw) {
        if (pem) flight.headers.set('X-Forwarded-Tls-Client-Cert', certificate.raw.toString('base64'))
        if (info) flight.headers.set('X-Forwarded-Tls-Client-Cert-Info', encodeURIComponent(infoText(certificate, info)))
      }
      return next(flight, answer)
    }
  },
})

interface Info {
  readonly notAfter: boolean
  readonly notBefore: boolean
  readonly sans: boolean
  readonly serialNumber: boolean
  readonly subject?: Names | undefined
  readonly issuer?: Names | undefined
}

function infoText(certificate: PeerCertificate, info: Info): string {
  const seconds = (text: string) => String(Math.floor(new Date(text).getTime() / 1000))
  const parts: string[] = []
  if (info.subject) parts.push(`Subject="${nameText(certificate.subject, info.subject)}"`)
  if (info.issuer) parts.push(`Issuer="${nameText(certificate.issuer, info.issuer)}"`)
  if (info.serialNumber) parts.push(`SerialNumber="${BigInt(`0x${certificate.serialNumber}`)}"`)
  if (info.notBefore) parts.push(`NB="${seconds(certificate.valid_from)}"`)
  if (info.notAfter) parts.push(`NA="${seconds(certificate.valid_to)}"`)
  if (info.sans && certificate.subjectaltname)
    parts.push(`SAN="${certificate.subjectaltname.replace(/(?:DNS|IP Address|email|URI):/g, '').replaceAll(', ', ',')}"`)
  return parts.join(';')
}

function nameText(name: PeerCertificate['subject'], wanted: Names): string {
  const values = name as unknown as Readonly<Record<string, string | string[] | undefined>>
  return PARTS.filter(([key]) => wanted[key])
    .flatMap(([key, short]) => {
      const value = values[key === 'serialNumber' ? 'serialNumber' : short]
      return value === undefined ? [] : [value].flat().map((one) => `${short}=${one}`)
    })
    .join(',')
}
