// @ts-check
// A request of HTTP as a program in several languages. Nothing here knows Latchkey: the code that comes with a new key and
// the examples of the API reference are made of it.

const METHODS = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE']

/** Characters that nobody sees, and that turn a text around. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu
const isPlain = (/** @type {string} */ text) => text.search(HIDDEN) < 0

/** @type {{ [character: string]: string | undefined }} */
const SHORT = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }
const codeOf = (/** @type {string} */ character) => Number(character.codePointAt(0)).toString(16)
/** As in JavaScript, PHP and Ruby. */
const braced = (/** @type {string} */ character) => SHORT[character] ?? `\\u{${codeOf(character)}}`
/** As in Python and Go. */
const padded = (/** @type {string} */ character) => {
  const code = codeOf(character)
  return SHORT[character] ?? (code.length > 4 ? `\\U${code.padStart(8, '0')}` : `\\u${code.padStart(4, '0')}`)
}

/** @param {string} text @param {string} mark @param {RegExp} special @param {(character: string) => string} hidden */
const quoted = (text, mark, special, hidden) => mark + text.replace(special, '\\$&').replace(HIDDEN, hidden) + mark

// How each language writes a text down.

const inJavaScript = (/** @type {string} */ text) => quoted(text, "'", /[\\']/g, braced)
const inPython = (/** @type {string} */ text) =>
  text.includes('"') && !text.includes("'") ? quoted(text, "'", /\\/g, padded) : quoted(text, '"', /[\\"]/g, padded)
const inGo = (/** @type {string} */ text) =>
  /[\\"]/.test(text) && !text.includes('`') && isPlain(text) ? `\`${text}\`` : quoted(text, '"', /[\\"]/g, padded)
const inPhp = (/** @type {string} */ text) =>
  isPlain(text) ? quoted(text, "'", /[\\']/g, braced) : quoted(text, '"', /[\\"$]/g, braced)
const inRuby = (/** @type {string} */ text) =>
  isPlain(text) ? quoted(text, "'", /[\\']/g, braced) : quoted(text, '"', /[\\"#]/g, braced)
const inShell = (/** @type {string} */ text) =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`

/**
 * The value of a header: a text, or what stands before a variable of the environment, and that variable.
 * @param {HeaderValue} value @param {(text: string) => string} quote @param {string} joint @param {(name: string) => string} variable
 */
function expression(value, quote, joint, variable) {
  if (typeof value === 'string') return quote(value)
  return (value.before ? quote(value.before) + joint : '') + variable(value.variable)
}

/** @param {string} name @param {HeaderValue} value */
function shellHeader(name, value) {
  if (typeof value === 'string') return inShell(value ? `${name}: ${value}` : `${name};`)
  const start = `${name}: ${value.before ?? ''}`
  return /^[\w :;=,./-]*$/.test(start) ? `"${start}$${value.variable}"` : `${inShell(start)}"$${value.variable}"`
}

/** Whether a program needs the environment. @param {Checked} request */
const hasVariables = ({ headers }) => headers.some(([, value]) => typeof value !== 'string')

/** @type {{ [language: string]: (request: Checked) => string }} */
const WRITERS = {
  curl({ method, url, headers, body }) {
    const first = { GET: 'curl', HEAD: 'curl --head' }[method] ?? `curl -X ${method}`
    return [
      `${first} ${inShell(url)}`,
      ...headers.map(([name, value]) => `-H ${shellHeader(name, value)}`),
      // After -d, curl takes a text that begins with @ for the name of a file.
      ...body === undefined ? [] : [`${body.startsWith('@') ? '--data-raw' : '-d'} ${inShell(body)}`],
    ].join(' \\\n  ')
  },

  JavaScript({ method, url, headers, body }) {
    const members = [
      ...method === 'GET' ? [] : [`  method: '${method}',\n`],
      ...headers.length === 0 ? [] : ['  headers: {\n', ...headers.map(([name, value]) =>
        `    ${inJavaScript(name)}: ${expression(value, inJavaScript, ' + ', it => `process.env.${it}`)},\n`), '  },\n'],
      ...body === undefined ? [] : [`  body: ${inJavaScript(body)},\n`],
    ].join('')
    return `const response = await fetch(${inJavaScript(url)}${members && `, {\n${members}}`})
console.log(response.status, await response.text())`
  },

  Python(request) {
    const { method, url, headers, body } = request
    // Without encode() requests sends Latin-1, and refuses the rest.
    const encoded = body !== undefined && /[^\0-\x7f]/.test(body) ? '.encode()' : ''
    return `${hasVariables(request) ? 'import os\n\n' : ''}import requests

response = requests.${method.toLowerCase()}(
${[
      `    ${inPython(url)},\n`,
      ...headers.length === 0 ? [] : ['    headers={\n', ...headers.map(([name, value]) =>
        `        ${inPython(name)}: ${expression(value, inPython, ' + ', it => `os.environ["${it}"]`)},\n`), '    },\n'],
      ...body === undefined ? [] : [`    data=${inPython(body)}${encoded},\n`],
    ].join('')})
print(response.status_code, response.text)`
  },

  Go(request) {
    const { method, url, headers, body } = request
    const imports = ['fmt', 'io', 'log', 'net/http', ...hasVariables(request) ? ['os'] : [], ...body === undefined ? [] : ['strings']]
    return `package main

import (
${imports.map(it => `\t"${it}"\n`).join('')})

func main() {
	request, err := http.NewRequest("${method}", ${inGo(url)}, ${body === undefined ? 'nil' : `strings.NewReader(${inGo(body)})`})
	if err != nil {
		log.Fatal(err)
	}
${headers.map(([name, value]) => `\trequest.Header.Set(${inGo(name)}, ${expression(value, inGo, ' + ', it => `os.Getenv("${it}")`)})\n`).join('')}	response, err := http.DefaultClient.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(response.StatusCode, string(text))
}`
  },

  PHP({ method, url, headers, body }) {
    const lines = headers.map(([name, value]) => {
      if (typeof value === 'string') return inPhp(value ? `${name}: ${value}` : `${name};`)
      return `${inPhp(`${name}: ${value.before ?? ''}`)} . getenv('${value.variable}')`
    })
    const options = [
      ...method === 'GET' ? [] : [method === 'HEAD' ? 'CURLOPT_NOBODY => true' : `CURLOPT_CUSTOMREQUEST => '${method}'`],
      ...lines.length === 0 ? [] : [`CURLOPT_HTTPHEADER => [\n${lines.map(line => `        ${line},\n`).join('')}    ]`],
      ...body === undefined ? [] : [`CURLOPT_POSTFIELDS => ${inPhp(body)}`],
      'CURLOPT_RETURNTRANSFER => true',
    ]
    return `<?php
$request = curl_init(${inPhp(url)});
curl_setopt_array($request, [
${options.map(option => `    ${option},\n`).join('')}]);
$text = curl_exec($request);
if ($text === false) {
    exit(curl_error($request));
}
echo curl_getinfo($request, CURLINFO_RESPONSE_CODE), ' ', $text, PHP_EOL;`
  },

  Ruby({ method, url, headers, body }) {
    const kind = method[0] + method.slice(1).toLowerCase()
    const setters = [
      ...headers.map(([name, value]) => `request[${inRuby(name)}] = ${expression(value, inRuby, ' + ', it => `ENV.fetch('${it}')`)}\n`),
      ...body === undefined ? [] : [`request.body = ${inRuby(body)}\n`],
    ]
    return `require 'net/http'

uri = URI(${inRuby(url)})
request = Net::HTTP::${kind}.new(uri)
${setters.join('')}response = Net::HTTP.start(uri.hostname, uri.port, use_ssl: uri.scheme == 'https') do |http|
  http.request(request)
end
puts "#{response.code} #{response.body}"`
  },
}

/** The languages, by the names that people know. */
export const LANGUAGES = Object.keys(WRITERS)

/**
 * A program in `language` that sends `request` and prints the status and the text of the answer. Whatever the values hold,
 * the program sends exactly them. Throws a `RangeError` for a request that no program could send.
 * @param {string} language One of `LANGUAGES`. @param {ExampleRequest} request
 */
export function codeIn(language, request) {
  return WRITERS[language](checked(request))
}

/**
 * The request that a text describes: a method, an address and perhaps a body of JSON, with blanks between them. Throws a
 * `RangeError`, or what the address or the body is refused with.
 * @param {string} text @returns {ExampleRequest}
 */
export function requestFrom(text) {
  const [, method = '', url = '', body] = /^\s*(\S+)\s+(\S+)(?:\s+([^]*\S))?\s*$/.exec(text) ?? []
  const request = { method, url, ...(body && { headers: { 'content-type': 'application/json' }, body }) }
  if (body) JSON.parse(body)
  checked(request)
  return request
}

/** @param {ExampleRequest} request @returns {Checked} */
function checked({ method, url, headers = {}, body }) {
  const pairs = Object.entries(headers)
  const refuse = (/** @type {string} */ why) => { throw new RangeError(`${why}: ${method} ${url}`) }
  if (!METHODS.includes(method)) refuse('a method that not every language knows')
  for (const [name, value] of pairs) {
    const [text, variable] = typeof value === 'string' ? [value, 'NONE'] : [value.before ?? '', value.variable]
    if (!/^[\w-]+$/.test(name) || !/^[ -~]*$/.test(text)) refuse('a header that is not visible ASCII')
    if (!/^[A-Z_][A-Z0-9_]*$/.test(variable)) refuse('a variable that not every shell knows')
  }
  if (body !== undefined) {
    if (/\0|\p{Cs}/u.test(body)) refuse('a body that is no text')
    // Programs would add types of their own, each another one.
    if (!pairs.some(([name]) => name.toLowerCase() === 'content-type')) refuse('a body without a content type')
    if (['GET', 'HEAD', 'OPTIONS'].includes(method)) refuse('a body that not every language sends')
  }
  return { method, url: addressOf(url), headers: pairs, body }
}

/** The address as RFC 3986 has it: some languages refuse what browsers allow. @param {string} url */
function addressOf(url) {
  const { protocol, origin, username, password, pathname, search } = new URL(url)
  if (!/^https?:$/.test(protocol) || username || password) throw new RangeError(`not an address of HTTP alone: ${url}`)
  const rest = (pathname + search).replace(/[^\w\-.~:/?@!$&'()*+,;=%]/g, encodeURIComponent)
  return origin + rest.replace(/%(?![0-9A-Fa-f]{2})/g, '%25')
}
