// Every text of a set that another text begins with, in one walk: a radix tree over characters.

interface Node<Value> {
  /** What the edge into this node reads. */
  label: string
  values: Value[]
  children: Map<number, Node<Value>> | undefined
}

export class PrefixTree<Value> {
  readonly #root: Node<Value> = { label: '', values: [], children: undefined }

  add(prefix: string, value: Value): void {
    let node = this.#root
    let rest = prefix
    for (;;) {
      if (rest === '') {
        node.values.push(value)
        return
      }
      node.children ??= new Map()
      const child = node.children.get(rest.charCodeAt(0))
      if (!child) {
        node.children.set(rest.charCodeAt(0), { label: rest, values: [value], children: undefined })
        return
      }
      const shared = sharedLength(child.label, rest)
      if (shared < child.label.length) split(child, shared)
      node = child
      rest = rest.slice(shared)
    }
  }

  /** Calls `visit` with every value whose prefix `text` begins with, shortest prefix first. */
  walk(text: string, visit: (value: Value) => void): void {
    let node = this.#root
    let at = 0
    for (;;) {
      for (const value of node.values) visit(value)
      const child = at < text.length ? node.children?.get(text.charCodeAt(at)) : undefined
      if (!child || !text.startsWith(child.label, at)) return
      at += child.label.length
      node = child
    }
  }
}

function sharedLength(a: string, b: string): number {
  let i = 0
  while (i < a.length && i < b.length && a.charCodeAt(i) === b.charCodeAt(i)) i++
  return i
}

function split<Value>(node: Node<Value>, at: number): void {
  const tail: Node<Value> = { label: node.label.slice(at), values: node.values, children: node.children }
  node.label = node.label.slice(0, at)
  node.values = []
  node.children = new Map([[tail.label.charCodeAt(0), tail]])
}
