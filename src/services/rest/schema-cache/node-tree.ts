// Reads from a view's stored query (the server's node tree, as text) which column of which relation each of its columns shows.

export interface ColumnOrigin {
  /** Number of the view's column. */
  readonly column: number
  readonly relation: number
  readonly relationColumn: number
}

/** The origins of the outermost target list. Columns that are computed have none. */
export function columnOrigins(tree: string): ColumnOrigin[] {
  const origins: ColumnOrigin[] = []
  let depth = 0
  // The text has the form ({QUERY ... :targetList ({TARGETENTRY :expr {...} :resno 1 ... :resorigtbl 16385 :resorigcol 1 :resjunk false} ...) ...})
  for (let at = 0; at < tree.length; at++) {
    switch (tree.charCodeAt(at)) {
      // A character inside a name: spaces, braces and backslashes are escaped there. Quotes are not, and mean nothing.
      case 0x5c:
        at++
        break
      case 0x7b:
        depth++
        break
      case 0x7d:
        depth--
        break
      case 0x3a:
        // At depth 2 the fields are those of direct members of the query; of these only target entries have a :resno.
        if (depth !== 2 || !tree.startsWith(':resno ', at)) break
        {
          const found = TARGET.exec(tree.slice(at, at + 400)) ?? LONG_TARGET.exec(tree.slice(at, at + 4_000))
          if (found && Number(found[2]) > 0)
            origins.push({ column: Number(found[1]), relation: Number(found[2]), relationColumn: Number(found[3]) })
        }
        break
    }
  }
  return origins
}

const TARGET = /^:resno (\d+) :resname (?:\\.|[^ \\])* :ressortgroupref \d+ :resorigtbl (\d+) :resorigcol (-?\d+) :resjunk false/s
const LONG_TARGET = /^:resno (\d+) .*? :ressortgroupref \d+ :resorigtbl (\d+) :resorigcol (-?\d+) :resjunk false/s
