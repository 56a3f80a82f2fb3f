import requests
response = requests.get(
    "https://screenshotapi.to/api/v1/api-keys",
    cookies={"session": "your_session_cookie"}
)
for key in response.json():
    print(f"{key['name']}: {key['keyPrefix']}...")
