-- Asks for statements of accounts in turn, and prints one line that the benchmark reads.
local id = 0

request = function()
  id = id % 1000 + 1
  return wrk.format("GET", "/accounts/" .. id .. "/statement")
end

done = function(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("result %d %d %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), failed))
end
