// The program of the child process: the image library lives here alone, so that its crashes and its memory end with this process.
import sharp from 'sharp'
import type { FromWorker, ToWorker } from '../pool/messages.ts'
import { Work } from './work.ts'

// Results are kept by those who ask, not here.
sharp.cache(false)
// Jobs run beside each other; more threads for each of them would only take turns.
sharp.concurrency(1)

const tell = (message: FromWorker): void => void process.send?.(message)
let work: Work | undefined

process.on('message', (message: ToWorker) => {
  if ('settings' in message) {
    work = new Work(message.settings)
    tell({ ready: true })
    return
  }
  const { id, job, seconds } = message
  void work?.run(job, seconds).then((outcome) => tell({ id, outcome }))
})
// Without the service there is nobody to work for.
process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'))
