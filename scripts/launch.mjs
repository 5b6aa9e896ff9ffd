// `npm start` and `npm run plinth`: makes the checkout ready and becomes the program itself, so that signals reach it directly.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { makeReady, root } from './ready.mjs'

await makeReady()
await import(pathToFileURL(join(root, 'dist', 'cli.js')).href)
