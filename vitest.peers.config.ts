// `npm run test:peers`: tests beside originals that must be built first; each says so where its original is missing.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/peers/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    setupFiles: ['test/support/seed.ts'],
    testTimeout: 60_000,
    hookTimeout: 180_000,
  },
})
