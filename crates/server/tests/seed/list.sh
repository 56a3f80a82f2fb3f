curl "https://screenshotapi.to/api/v1/api-keys" \
  --cookie "session=your_session_cookie"
