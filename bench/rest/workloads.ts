// The five workloads: what a client asks, what pgbench sends for the same rows, and how a right answer looks.

export interface Workload {
  readonly name: string
  readonly method: 'GET' | 'POST'
  /** Of the owner whose token is sent; `turn` counts the requests. */
  readonly path: (owner: number, turn: number) => string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly isRight: (status: number, body: string) => boolean
  /** Lines of the pgbench script before the pipeline. */
  readonly variables: string
  readonly statement: string
}

const counted = (rows: string): string =>
  `with s as (${rows}) select null::bigint, count(r), coalesce(json_agg(r), '[]'), nullif(current_setting('response.headers', true), ''), nullif(current_setting('response.status', true), '') from (select * from s) r`

const rowsOf = (body: string): { id: number; [column: string]: unknown }[] => JSON.parse(body) as { id: number }[]
const read = { method: 'GET', headers: {}, body: '' } as const
const OWNER = '\\set o random(1, 19999)\n'

export const workloads: readonly Workload[] = [
  {
    ...read,
    name: 'list',
    path: () => '/items?select=id,title,done&order=id.desc&limit=10',
    isRight: (status, body) =>
      status === 200 && rowsOf(body).length === 10 && rowsOf(body).every(({ id }, at, all) => at === 0 || id < all[at - 1]!.id),
    variables: OWNER,
    statement: counted('select id, title, done from api.items order by id desc limit 10'),
  },
  {
    ...read,
    name: 'pk',
    // Each owner has every 20,000th row.
    path: (owner, turn) => `/items?id=eq.${owner + 20_000 * (turn % 10)}`,
    headers: { Accept: 'application/vnd.pgrst.object+json' },
    isRight: (status, body) => status === 200 && (JSON.parse(body) as { title: string }).title.startsWith('item '),
    variables: `${OWNER}\\set id :o + 20000 * random(0, 9)\n`,
    statement: counted('select * from api.items where id = :id'),
  },
  {
    ...read,
    name: 'embed',
    path: () => '/items?select=id,title,teams(id,name)&limit=10',
    isRight: (status, body) => status === 200 && rowsOf(body).length === 10 && rowsOf(body).every(({ teams }) => typeof teams === 'object'),
    variables: OWNER,
    statement: counted(
      'select i.id, i.title, row_to_json(t.*)::jsonb as teams from api.items i left join lateral (select id, name from api.teams where id = i.team_id) t on true limit 10',
    ),
  },
  {
    name: 'insert',
    method: 'POST',
    path: () => '/items',
    headers: { Prefer: 'return=minimal', 'Content-Type': 'application/json' },
    body: '{"owner":4711,"team_id":1,"title":"x"}',
    isRight: (status, body) => status === 201 && body === '',
    variables: OWNER,
    statement: `with s as (insert into api.items(owner, team_id, title) select owner, team_id, title from json_to_recordset('[{"owner":4711,"team_id":1,"title":"x"}]') as _(owner int, team_id int, title text) returning 1) select '', count(s), '' from s`,
  },
  {
    ...read,
    name: 'rpc',
    path: () => '/rpc/add?a=1&b=2',
    isRight: (status, body) => status === 200 && body === '3',
    variables: OWNER,
    statement: counted('select pgrst_scalar from (select api.add(1, 2) pgrst_scalar) f'),
  },
]

/** Settings and query as one pipeline, as a server can send them. */
export const pgbenchScript = ({ variables, statement }: Workload): string => `${variables}\\startpipeline
begin;
select set_config('search_path', '"api", "public"', true), set_config('role', 'bench_user', true), set_config('request.jwt.claims', '{"role":"bench_user","sub":"' || :o || '"}', true), set_config('request.method', 'GET', true), set_config('request.path', '/items', true), set_config('request.headers', '{}', true), set_config('request.cookies', '{}', true);
${statement};
commit;
\\endpipeline
`
