// Which sources may be asked for at all: IMGPROXY_ALLOWED_SOURCES, beginnings in which `*` stands for anything but a slash.

export type IsAllowed = (source: string) => boolean

export function allowedSources(patterns: readonly string[] | undefined): IsAllowed {
  if (patterns === undefined) return () => true
  const beginnings = patterns.map(
    (pattern) =>
      new RegExp(
        `^${pattern
          .split('*')
          .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
          .join('[^/]*')}`,
      ),
  )
  const begins = (text: string): boolean => beginnings.some((beginning) => beginning.test(text))
  return (source) => {
    if (!begins(source)) return false
    if (!/^https?:/i.test(source)) return true
    if (!URL.canParse(source)) return false
    // What is written and what is connected to must both be meant: `http://good.example@evil.example` begins well.
    const url = new URL(source)
    return url.username === '' && url.password === '' && begins(url.href)
  }
}
