// Errors of the embedded server that a person has to act upon: one sentence of what happened, why, and what to do.

export class DatabaseProblem extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'DatabaseProblem'
  }
}

export const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException | null)?.code
