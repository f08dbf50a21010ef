import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Marked, type Renderer, type Tokens } from 'marked'

const style = readFileSync(join(import.meta.dirname, 'print.css'), 'utf8')

/** Renders Markdown as a page to print. `base` is the URL of its file, for its images. */
export function renderDocument(markdown: string, base: string): string {
  const image = ({ href, text }: Tokens.Image) => `<img src="${new URL(href, base)}" alt="${text}">`
  const body = new Marked({ renderer: { heading, link, image } }).parse(markdown)
  const title = /^# (.*)$/m.exec(markdown)?.[1] ?? ''
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${title}</title>
<style>${style}</style>
${body}`
}

/** With the same id as on GitHub, for links within the page. */
function heading(this: Renderer, { depth, text, tokens }: Tokens.Heading): string {
  const kept = text.toLowerCase().replace(/[^\p{L}\p{N} -]/gu, '')
  return `<h${depth} id="${kept.replaceAll(' ', '-')}">${this.parser.parseInline(tokens)}</h${depth}>\n`
}

/** A link to another file becomes its text, as a PDF stands alone. */
function link(this: Renderer, { href, tokens }: Tokens.Link): string {
  const text = this.parser.parseInline(tokens)
  return /^(#|https:)/.test(href) ? `<a href="${href}">${text}</a>` : text
}
