// Plugins of Kong's image that are not served here: a list of plugins may name them, a file that uses one is refused by its name.

const OF_KONG = new Set([
  'acme',
  'aws-lambda',
  'azure-functions',
  'datadog',
  'grpc-gateway',
  'grpc-web',
  'ldap-auth',
  'loggly',
  'oauth2',
  'opentelemetry',
  'response-ratelimiting',
  'session',
  'statsd',
  'syslog',
  'tcp-log',
  'udp-log',
  'zipkin',
])

export const isOfKong = (name: string): boolean => OF_KONG.has(name)
