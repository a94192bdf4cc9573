-- KEYS: the names. ARGV: what keys begin with. Gives how many do, for each, and the number of revocations.
local counts = {}
for i, prefix in ipairs(ARGV) do
  counts[i] = tostring(redis.call('ZLEXCOUNT', KEYS[1], '[' .. prefix, '(' .. prefix .. '\255'))
end
counts[#counts + 1] = tostring(redis.call('XLEN', REVOCATIONS))
return counts
