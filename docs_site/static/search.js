// The search page: results as one types, from the records that lie beside it.
'use strict'

document.addEventListener('DOMContentLoaded', () => {
  const input = document.getElementById('site-search')
  const output = document.getElementById('search-results')
  const search = searcher(SEARCH_RECORDS)

  const element = (tag, text, attributes = {}) => Object.assign(document.createElement(tag), { textContent: text, ...attributes })

  function excerpt(text, terms) {
    const lower = text.toLowerCase()
    const places = terms.map((term) => lower.indexOf(term)).filter((place) => place >= 0)
    const near = Math.max(0, Math.min(...(places.length ? places : [0])) - 60)
    const begin = near && text.indexOf(' ', near) + 1
    const end = begin + 200 < text.length ? text.lastIndexOf(' ', begin + 200) : text.length
    return (begin ? '… ' : '') + text.slice(begin, end) + (end < text.length ? ' …' : '')
  }

  function show() {
    const query = input.value.trim()
    const pages = query ? pagesFor(search, query) : []
    output.replaceChildren()
    if (query) output.append(element('p', pages.length ? `${pages.length} pages` : 'Nothing fits.'))
    for (const page of pages.slice(0, 30)) {
      const item = element('section', '', { className: 'search-result' })
      const [best] = page.sections
      item.append(element('a', page.title, { href: page.url, className: 'search-title' }))
      item.append(element('p', excerpt(best.text, page.terms)))
      for (const section of page.sections.filter((each) => each.heading).slice(0, 3)) {
        item.append(element('a', section.heading, { href: section.url, className: 'search-section' }))
      }
      output.append(item)
    }
  }

  input.value = new URLSearchParams(location.search).get('q') || ''
  input.addEventListener('input', show)
  input.focus()
  show()
})
