-- Calls of people who are signed in. Each line of the file CALLS is one: method, path, session token
-- and, where there is a body, that; separated by tabs. They are made in turn.
local requests, turn = {}, 0

function init()
  for line in io.lines(os.getenv("CALLS")) do
    local method, path, session, body = line:match("([^\t]*)\t([^\t]*)\t([^\t]*)\t?(.*)")
    local headers = { ["Cookie"] = "session=" .. session }
    if body == "" then body = nil else headers["Content-Type"] = "application/json" end
    requests[#requests + 1] = wrk.format(method, path, headers, body)
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end
