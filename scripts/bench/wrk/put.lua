require 'report'

wrk.method = 'PUT'
wrk.headers['Content-Type'] = 'text/plain'

local count = 0

function request()
  count = count + 1
  return wrk.format(nil, nil, nil, 'bench ' .. count)
end
