import requests
response = requests.post(
    "https://screenshotapi.to/api/v1/api-keys",
    json={"name": "Production"},
    cookies={"session": "your_session_cookie"}
)
data = response.json()
# Store this key securely — it won't be shown again
print(f"New API key: {data['key']}")
