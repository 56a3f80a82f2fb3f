const keyId = 'clx1abc2d3e4f5g6h7i8j9k0'
const response = await fetch(
  `https://screenshotapi.to/api/v1/api-keys/${keyId}`,
  {
    method: 'DELETE',
    credentials: 'include'
  }
)
if (response.ok) {
  console.log('API key revoked successfully')
}
