// What the service says about itself, and the stream of events that keeps the page live.
import { type Exchange, MailError, sendJson, sendText } from './exchange.ts'

// Upstream's release whose API this one follows; clients show it and some compare it.
const VERSION = 'v1.29.0'
const MAX_WATCHERS = 64

export function info({ res, state }: Exchange): void {
  const { mailbox, receiver } = state
  sendJson(res, {
    Version: VERSION,
    LatestVersion: 'disabled',
    Database: mailbox.file ?? '',
    DatabaseSize: mailbox.bytes,
    Messages: mailbox.total,
    Unread: mailbox.unread,
    Tags: Object.fromEntries(mailbox.tags()),
    RuntimeStats: {
      Uptime: Math.floor((Date.now() - state.startedAt) / 1_000),
      Memory: process.memoryUsage.rss(),
      MessagesDeleted: mailbox.deleted,
      SMTPAccepted: receiver.counters.accepted,
      SMTPAcceptedSize: receiver.counters.acceptedBytes,
      SMTPRejected: receiver.counters.rejected,
      SMTPIgnored: receiver.counters.ignored,
    },
  })
}

export function webUi({ res, state }: Exchange): void {
  sendJson(res, {
    Label: state.env.MP_LABEL,
    MessageRelay: {
      Enabled: false,
      SMTPServer: '',
      ReturnPath: '',
      AllowedRecipients: '',
      BlockedRecipients: '',
      OverrideFrom: '',
      PreserveMessageIDs: false,
    },
    SpamAssassin: false,
    ChaosEnabled: false,
    DuplicatesIgnored: state.env.MP_IGNORE_DUPLICATE_IDS,
    HideDeleteAllButton: false,
    SMTP: state.smtp,
  })
}

export function alive({ res }: Exchange): void {
  sendText(res, 'ok')
}

/** Server-sent events: `change` with the totals after every change. */
export function watch({ req, res, state }: Exchange): void {
  if (state.watchers.size >= MAX_WATCHERS) throw new MailError(503, 'too many pages are open')
  res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
  res.write(': open\n\n')
  state.watchers.add(res)
  req.on('close', () => state.watchers.delete(res))
  res.on('close', () => state.watchers.delete(res))
}

/** Tells the open pages, once for a burst of changes. Returns what ends it. */
export function announceChanges(state: Exchange['state']): () => void {
  let pending: NodeJS.Timeout | undefined
  const off = state.mailbox.onChange(() => {
    if (state.watchers.size === 0) return
    pending ??= setTimeout(() => {
      pending = undefined
      const event = `event: change\ndata: ${JSON.stringify({ total: state.mailbox.total, unread: state.mailbox.unread })}\n\n`
      for (const res of state.watchers) {
        // A page that does not read is dropped; it connects again.
        if (res.writableLength > 65_536) res.destroy()
        else res.write(event)
      }
    }, 50)
  })
  return () => {
    off()
    clearTimeout(pending)
    for (const res of state.watchers) res.end()
  }
}
