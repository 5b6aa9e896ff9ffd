import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openControl } from './control.ts'
import type { Stack } from './stack.ts'

test('whoever connected and asks nothing does not keep it from closing', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'plinth-control-'))
  try {
    const control = await openControl({} as Stack, join(dir, 's'), { onStop: () => {} })
    const silent = connect(join(dir, 's'))
    await once(silent, 'connect')
    const closed = once(silent, 'close')
    await control.close()
    await closed
    expect(silent.destroyed).toBe(true)
  } finally {
    rmSync(dir, { recursive: true })
  }
}, 5_000)
