// A real browser for tests: Debian's chromium, or the one that CHROMIUM_PATH names.
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

export async function launchChromium(): Promise<Browser> {
  const executablePath = process.env['CHROMIUM_PATH'] ?? places.find((path) => existsSync(path))
  if (!executablePath) throw new Error('No chromium here: apt-get install chromium, or set CHROMIUM_PATH')
  // As root, in containers and CI, chromium has no sandbox of its own; the pages here are ours.
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
}
