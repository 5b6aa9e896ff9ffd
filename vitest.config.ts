import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['test/peers/**', '**/node_modules/**'],
    pool: 'forks',
    maxWorkers: 2,
    setupFiles: ['test/support/seed.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 30_000,
    // A machine with other work on it is slow, not wrong.
    expect: { poll: { timeout: 20_000 } },
    reporters: ['default', ['json', { outputFile: 'coverage/results.json' }]],
  },
})
