// How the site's search ranks: read by search.html in the browser, and by the test in node.
'use strict'

// Words that say nothing of what is looked for.
const STOP_WORDS = new Set(
  ('a an and any are as at be been but by can cannot could did do does for from get gets give go had has have how i if in into is ' +
    'it its just let like make makes me my need needs of on one or our please should so some that the their them there these they ' +
    'this to up use used uses using via want was we what when where which while who why will with would you your')
    .split(' '),
)

const SPELLED = /[\p{L}\p{N}_]+/gu

// linear_before_reset is found by itself and by each of its words, batch-first as batch_first.
function words(text) {
  const found = []
  for (const word of text.toLowerCase().match(SPELLED) || []) {
    found.push(word)
    if (word.includes('_')) found.push(...word.split('_').filter((part) => part.length > 1))
  }
  return found
}

function searcher(records) {
  const stemmer = new EnglishStemmer()
  const search = new MiniSearch({
    idField: 'url',
    fields: ['page', 'heading', 'text'],
    storeFields: ['page', 'heading', 'text', 'weight'],
    tokenize: words,
    processTerm: (word) => (STOP_WORDS.has(word) ? null : stemmer.stemWord(word)),
    searchOptions: {
      boost: { page: 2.5, heading: 2, text: 1 },
      prefix: (term) => term.length > 3,
      fuzzy: (term) => (term.length > 4 && !/\d/.test(term) ? 0.2 : false),
      weights: { prefix: 0.4, fuzzy: 0.2 },
      boostDocument: (_id, _term, stored) => stored.weight,
    },
  })
  search.addAll(records)
  return search
}

// Pages, the best first, each with its sections that fit.
function pagesFor(search, query) {
  const pages = new Map()
  for (const hit of search.search(query)) {
    const url = hit.id.split('#')[0]
    if (!pages.has(url)) pages.set(url, { url, title: hit.page, terms: hit.terms, sections: [] })
    pages.get(url).sections.push({ url: hit.id, heading: hit.heading, text: hit.text })
  }
  return [...pages.values()]
}
