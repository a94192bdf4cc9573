-- KEYS: the records of a user. ARGV: where to go on, about how many at a time, fields. Gives where to go on after that ('0': nowhere), then each
-- key and its fields, some of them perhaps twice; one that is not there is empty.
local seen = redis.call('ZSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local parts = { seen[1] }
for i = 1, #seen[2], 2 do
  parts[#parts + 1] = seen[2][i]
  for _, value in ipairs(redis.call('HMGET', seen[2][i], unpack(ARGV, 3))) do parts[#parts + 1] = value or '' end
end
return parts
