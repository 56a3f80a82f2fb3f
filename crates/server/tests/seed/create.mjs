const response = await fetch('https://screenshotapi.to/api/v1/api-keys', {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  credentials: 'include',
  body: JSON.stringify({ name: 'Production' })
})
const { key } = await response.json()
// Store this key securely — it won't be shown again
console.log(`New API key: ${key}`)
