// GET /api/openapi: the HTTP API in short, for tools that ask for it.
import { answerJson } from './answer.ts'
import type { Exchange } from './app.ts'

const text = { type: 'string' }
const bearer = [{ authorization: [] }]
const inPath = (name: string) => ({ name, in: 'path', required: true, schema: text })
const answers = (codes: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(codes).map(([code, description]) => [code, { description }]))

const DOCUMENT = {
  openapi: '3.0.0',
  info: { title: 'Realtime', version: '1.0' },
  components: { securitySchemes: { authorization: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
  paths: {
    '/api/broadcast': {
      post: {
        summary: 'Broadcasts a batch of messages',
        security: bearer,
        requestBody: {
          required: true,
          content: {
            'application/json': {
              schema: {
                type: 'object',
                required: ['messages'],
                properties: {
                  messages: {
                    type: 'array',
                    items: {
                      type: 'object',
                      required: ['topic', 'event', 'payload'],
                      properties: { topic: text, event: text, payload: { type: 'object' }, private: { type: 'boolean' }, id: text },
                    },
                  },
                },
              },
            },
          },
        },
        responses: answers({ 202: 'Accepted', 401: 'Unauthorized', 422: 'Unprocessable entity', 429: 'Too many requests' }),
      },
    },
    '/api/broadcast/{topic}/events/{event}': {
      post: {
        summary: 'Broadcasts a single message',
        security: bearer,
        parameters: [inPath('topic'), inPath('event'), { name: 'private', in: 'query', schema: { type: 'boolean' } }],
        requestBody: { required: true, content: { 'application/json': {}, 'application/octet-stream': {} } },
        responses: answers({
          202: 'Accepted',
          401: 'Unauthorized',
          403: 'Forbidden',
          415: 'Unsupported media type',
          422: 'Unprocessable entity',
          429: 'Too many requests',
        }),
      },
    },
    '/api/ping': { get: { summary: 'Whether the tenant of the host is known', responses: answers({ 200: 'OK', 401: 'Unknown tenant' }) } },
    '/api/tenants': {
      get: { summary: 'Lists the tenants', security: bearer, responses: answers({ 200: 'OK', 403: 'Forbidden' }) },
      post: { summary: 'Makes a tenant', security: bearer, responses: answers({ 201: 'Created', 403: 'Forbidden', 422: 'Invalid' }) },
    },
    '/api/tenants/{id}': {
      parameters: [inPath('id')],
      get: { summary: 'Shows a tenant', security: bearer, responses: answers({ 200: 'OK', 403: 'Forbidden', 404: 'Not found' }) },
      put: { summary: 'Makes or changes a tenant', security: bearer, responses: answers({ 200: 'OK', 201: 'Created', 403: 'Forbidden' }) },
      delete: { summary: 'Deletes a tenant', security: bearer, responses: answers({ 204: 'Deleted', 403: 'Forbidden' }) },
    },
    '/api/tenants/{id}/reload': {
      parameters: [inPath('id')],
      post: { summary: 'Disconnects everybody', security: bearer, responses: answers({ 204: 'Done', 403: 'Forbidden', 404: 'Not found' }) },
    },
    '/api/tenants/{id}/shutdown': {
      parameters: [inPath('id')],
      post: { summary: 'Closes the connections to the database', security: bearer, responses: answers({ 204: 'Done', 404: 'Not found' }) },
    },
    '/api/tenants/{id}/health': {
      parameters: [inPath('id')],
      get: { summary: 'Connections and users of a tenant', security: bearer, responses: answers({ 200: 'OK', 404: 'Not found' }) },
    },
  },
}

export const openApi = ({ res }: Exchange): void => answerJson(res, 200, DOCUMENT)
