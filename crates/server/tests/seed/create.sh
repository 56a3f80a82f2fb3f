curl -X POST "https://screenshotapi.to/api/v1/api-keys" \
  -H "Content-Type: application/json" \
  -d '{"name": "Production"}' \
  --cookie "session=your_session_cookie"
