-- KEYS: the users. ARGV: where to go on, most users at a time. Gives where to go on after that ('0': nowhere), then names, some of them perhaps
-- twice. Of a user whose records the server removed, nobody has said so.
local seen = redis.call('SSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local parts = { seen[1] }
for _, user in ipairs(seen[2]) do
  if redis.call('EXISTS', user_index(user)) == 1 then
    parts[#parts + 1] = user
  else
    redis.call('SREM', KEYS[1], user)
  end
end
return parts
