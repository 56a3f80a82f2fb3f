import requests
key_id = "clx1abc2d3e4f5g6h7i8j9k0"
response = requests.delete(
    f"https://screenshotapi.to/api/v1/api-keys/{key_id}",
    cookies={"session": "your_session_cookie"}
)
if response.ok:
    print("API key revoked successfully")
