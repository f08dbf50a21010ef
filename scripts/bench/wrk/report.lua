-- Prints one line of JSON after each load, for wrk.ts. wrk counts every status above 399.
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%.3f,"statuses":%d,"connects":%d,"reads":%d,"writes":%d,"timeouts":%d}\n',
    summary.requests, summary.duration / 1e6,
    errors.status, errors.connect, errors.read, errors.write, errors.timeout
  ))
end
