// `--example`: a configuration file with every setting that most deployments touch.

export const EXAMPLE = `## Where the database is: a URI or "host=... dbname=...", gaps are filled from PG* variables; "@file" reads it from a file
db-uri = "postgresql://"

## Schemas to serve; the first is the default
db-schemas = "public"

## Role of requests without a token
# db-anon-role = "anon"

## Schemas added to the search_path of every request
db-extra-search-path = "public"

## Most rows of an answer
# db-max-rows = 1000

## Connections, and in seconds: how long a request waits for one, how old one gets, how long one may idle
db-pool = 10
# db-pool-acquisition-timeout = 10
# db-pool-max-lifetime = 1800
# db-pool-max-idletime = 30
# db-pool-automatic-recovery = true

## Function that is called in the transaction before every request
# db-pre-request = "function_name"

## false behind a pooler in transaction mode
db-prepared-statements = true

## Settings in the database (ALTER ROLE ... SET pgrst.*), and a function that sets more
db-config = true
# db-pre-config = "schema.function_name"

## Reloads by NOTIFY
db-channel = "pgrst"
db-channel-enabled = true

## commit, commit-allow-override, rollback, rollback-allow-override
db-tx-end = "commit"

## A secret of at least 32 characters, a JWK or a set of JWKs; "@file" reads it from a file
# jwt-secret = "a_secret_with_at_least_32_characters"
jwt-secret-is-base64 = false
# jwt-aud = "audience"
## In this file a dollar sign is written twice
jwt-role-claim-key = "$$.role"
# jwt-cache-max-entries = 1000

## crit, error, warn, info, debug
log-level = "error"
log-query = false

## follow-privileges, ignore-privileges, disabled
openapi-mode = "follow-privileges"
openapi-server-proxy-uri = ""

# server-cors-allowed-origins = "https://example.com"
server-host = "!4"
server-port = 3000
server-timing-enabled = false
## Takes precedence over the port
# server-unix-socket = "/tmp/pgrst.sock"
# server-unix-socket-mode = "660"

## /live, /ready, /schema_cache, /metrics
# admin-server-port = 3001
`
