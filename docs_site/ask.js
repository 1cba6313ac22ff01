// Ask a built site's own search: node docs_site/ask.js SITE < QUESTIONS, a JSON array; prints the pages found for each.
'use strict'

const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { runInThisContext } = require('node:vm')

const site = process.argv[2]
// minisearch.js is a module to node, and a global to the page; as on the page, each script sees those before it.
const load = (name) => runInThisContext(readFileSync(join(site, '_static', `${name}.js`), 'utf8'), { filename: name })
for (const name of ['minisearch', 'base-stemmer', 'english-stemmer', 'search-records', 'ranking']) load(name)

const search = runInThisContext('searcher(SEARCH_RECORDS)')
const found = (question) => runInThisContext('pagesFor')(search, question).slice(0, 5).map((page) => page.url)
const questions = JSON.parse(readFileSync(0, 'utf8'))
console.log(JSON.stringify(Object.fromEntries(questions.map((question) => [question, found(question)]))))
