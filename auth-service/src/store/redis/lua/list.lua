-- KEYS: the names. ARGV: what keys begin with, the key to go on after (or an empty text), most keys, fields. Gives each key
-- and its fields; one that is not there is empty.
local from = ARGV[2] ~= '' and '(' .. ARGV[2] or '[' .. ARGV[1]
local parts = {}
for _, key in ipairs(redis.call('ZRANGEBYLEX', KEYS[1], from, '(' .. ARGV[1] .. '\255', 'LIMIT', 0, ARGV[3])) do
  parts[#parts + 1] = key
  for _, value in ipairs(redis.call('HMGET', key, unpack(ARGV, 4))) do parts[#parts + 1] = value or '' end
end
return parts
