-- KEYS: the records of a user. ARGV: fields. Gives each key and its fields; one that is not there is empty.
local parts = {}
for _, key in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  parts[#parts + 1] = key
  for _, value in ipairs(redis.call('HMGET', key, unpack(ARGV))) do parts[#parts + 1] = value or '' end
end
return parts
