const response = await fetch('https://screenshotapi.to/api/v1/api-keys', {
  credentials: 'include'
})
const keys = await response.json()
keys.forEach(key => {
  console.log(`${key.name}: ${key.keyPrefix}...`)
})
