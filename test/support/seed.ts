// Property tests draw the same values in every run, so that a run says something about the change and nothing about luck.
// `FC_SEED=random npx vitest run` looks further; any number repeats one such run.
import fc from 'fast-check'

const asked = process.env.FC_SEED
if (asked !== 'random') fc.configureGlobal({ seed: asked === undefined ? 20_261_123 : Number(asked) })
const runs = Number(process.env.FC_RUNS)
if (runs > 0) fc.configureGlobal({ ...fc.readConfigureGlobal(), numRuns: runs })
