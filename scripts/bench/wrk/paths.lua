-- Requests the paths of a file, one per line, over and over; accepts the media type that follows it.
require 'report'

local paths = {}
local next = 0

function init(args)
  for path in io.lines(args[1]) do
    paths[#paths + 1] = path
  end
  if args[2] then
    wrk.headers['Accept'] = args[2]
  end
end

function request()
  next = next % #paths + 1
  return wrk.format(nil, paths[next])
end
