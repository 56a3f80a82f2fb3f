-- Verifications, each with one of the keys in the file KEYS, drawn at random; or in turn from the
-- one numbered FIRST on, where that is given. TARGET is where they are sent.
local requests = {}
for key in io.lines(os.getenv("KEYS")) do
  requests[#requests + 1] = key
end
local target = os.getenv("TARGET") or "/api/v1/verify"
local turn = tonumber(os.getenv("FIRST") or "")

function init()
  for number, key in ipairs(requests) do
    requests[number] = wrk.format("GET", target, { ["x-api-key"] = key })
  end
  math.randomseed(7)
end

function request()
  if turn then
    turn = turn % #requests + 1
    return requests[turn]
  end
  return requests[math.random(#requests)]
end
