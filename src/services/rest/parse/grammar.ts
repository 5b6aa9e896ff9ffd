// The grammar of the query string for a second look at what the scanner refused: the same language, in the order and with the labels that make
// the words which upstream's clients see.
import {
  ahead,
  attempt,
  char,
  character,
  either,
  end,
  labelled,
  later,
  literal,
  many,
  noneOf,
  not,
  nothing,
  oneOf,
  perhaps,
  type Recogniser,
  separated,
  sequence,
  some,
  unless,
} from './recogniser.ts'

const anything = character(() => true)
const letter = labelled(
  character((found) => /\p{L}/u.test(found)),
  'letter',
)
const digit = labelled(
  character((found) => /^[0-9]$/.test(found)),
  'digit',
)
const spaces = many(oneOf(' \t'))
const spaced = (part: Recogniser): Recogniser => sequence(spaces, part, spaces)
const delimiter = labelled(char('.'), 'delimiter (.)')
const quoted = sequence(char('"'), many(either(noneOf('\\"'), sequence(char('\\'), anything))), char('"'))
const identifier = some(either(letter, digit, oneOf('_ $')))
const dash = attempt(sequence(char('-'), not(char('>'))))
const fieldName = labelled(either(quoted, separated(identifier, dash)), 'field name (* or [a..z0..9_$])')

const key = labelled(either(quoted, separated(some(noneOf('(-:.,>)')), dash)), 'any non reserved character different from: .,>()')
const indexEnd = either(...['->', '::', '.', ','].map((text) => attempt(ahead(literal(text)))), attempt(end))
const index = sequence(perhaps(char('-')), some(digit), indexEnd)
const arrow = either(attempt(literal('->>')), attempt(literal('->')))
const jsonPath = many(sequence(arrow, either(attempt(index), attempt(key))))
const field = spaced(sequence(fieldName, perhaps(jsonPath)))

const alias = perhaps(attempt(sequence(fieldName, char(':'), not(char(':')))))
const hint = sequence(char('!'), either(attempt(literal('left')), attempt(literal('inner')), attempt(fieldName)))
const hints = sequence(perhaps(hint), perhaps(hint), attempt(ahead(literal('('))))
const relation = spaced(sequence(alias, unless(fieldName, isCount), hints))
const spread = spaced(sequence(literal('...'), fieldName, hints))
const itemEnd = either(attempt(ahead(literal(')'))), attempt(ahead(literal(','))), attempt(end))
const cast = perhaps(sequence(literal('::'), identifier))
const aggregate = either(literal('sum'), literal('avg'), literal('count'), attempt(literal('max')), attempt(literal('min')))
const column = spaced(
  either(
    attempt(sequence(literal('*'), itemEnd)),
    attempt(sequence(alias, literal('count()'), cast, itemEnd)),
    sequence(alias, field, cast, perhaps(attempt(sequence(char('.'), aggregate, literal('()')))), cast, itemEnd),
  ),
)

/** `count` opens the aggregate, never an embed. */
function isCount(taken: string): boolean {
  return taken.trim() === 'count' || taken === '"count"'
}

const embedded = sequence(
  char('('),
  later(() => selectRule),
  char(')'),
)
const item = either(sequence(attempt(spread), embedded), sequence(attempt(relation), embedded), column)

export const selectRule: Recogniser = perhaps(separated(item, spaced(char(','))))

const word = (text: string): Recogniser =>
  attempt([...text].map((found) => either(char(found), char(found.toUpperCase()))).reduceRight((rest, first) => sequence(first, rest)))
const wholeQuoted = attempt(sequence(quoted, not(noneOf(',)'))))
const element = either(wholeQuoted, many(noneOf(',)')))
const list = sequence(spaced(char('(')), separated(element, char(',')), spaced(char(')')))
const isValue = labelled(
  either(...['null', 'not_null', 'true', 'false', 'unknown'].map(word)),
  'isVal: (null, not_null, true, false, unknown)',
)
const oneWord = (words: readonly string[]): Recogniser => either(...words.map((text) => attempt(literal(text))))
const simple = labelled(oneWord(['neq', 'cs', 'cd', 'ov', 'sl', 'sr', 'nxr', 'nxl', 'adj']), 'unknown single value operator')
const quantified = labelled(oneWord(['eq', 'gte', 'gt', 'lte', 'lt', 'like', 'ilike', 'match', 'imatch']), 'unknown single value operator')
const quantifier = perhaps(attempt(sequence(char('('), either(attempt(literal('any')), literal('all')), char(')'))))
const configuration = perhaps(attempt(sequence(char('('), identifier, char(')'))))
const negation = either(attempt(sequence(literal('not'), delimiter)), nothing)

const operation = (value: Recogniser): Recogniser =>
  sequence(
    negation,
    labelled(
      either(
        sequence(attempt(sequence(literal('in'), delimiter)), list),
        sequence(attempt(sequence(literal('is'), delimiter)), isValue),
        sequence(attempt(sequence(literal('isdistinct'), delimiter)), value),
        attempt(sequence(oneWord(['fts', 'plfts', 'phfts', 'wfts']), configuration, delimiter, value)),
        attempt(sequence(simple, delimiter, value)),
        attempt(sequence(quantified, quantifier, delimiter, value)),
      ),
      'operator (eq, gt, ...)',
    ),
  )

export const operationRule: Recogniser = operation(many(anything))

const array = sequence(literal('{'), many(noneOf('{}')), literal('}'))
const logicValue = either(wholeQuoted, attempt(array), many(noneOf(',)')))
const logicOperator = labelled(either(attempt(literal('and')), literal('or')), 'logic operator (and, or)')

/** With its operator in front: `or(...)`, `not.and(...)`. */
export const logicRule: Recogniser = either(
  attempt(sequence(field, delimiter, operation(logicValue))),
  sequence(
    labelled(negation, 'negation operator (not)'),
    logicOperator,
    sequence(
      spaced(char('(')),
      separated(
        later(() => logicRule),
        spaced(char(',')),
      ),
      spaced(char(')')),
    ),
  ),
)

const nulls = either(attempt(sequence(delimiter, literal('nullsfirst'))), attempt(sequence(delimiter, literal('nullslast'))))
const direction = either(attempt(sequence(delimiter, literal('asc'))), attempt(sequence(delimiter, literal('desc'))))
const termEnd = either(attempt(ahead(char(','))), attempt(end))
const termTail = sequence(perhaps(direction), either(sequence(perhaps(nulls), termEnd), termEnd))
const relatedTerm = sequence(fieldName, char('('), field, char(')'), termTail)

export const orderRule: Recogniser = separated(spaced(either(attempt(relatedTerm), sequence(field, termTail))), char(','))

export const namesRule: Recogniser = separated(fieldName, spaced(char(',')))
export const segmentsRule: Recogniser = separated(fieldName, delimiter)
export const treePathRule: Recogniser = sequence(separated(fieldName, delimiter), perhaps(jsonPath))
