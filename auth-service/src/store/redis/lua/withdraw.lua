-- KEYS: the records of a user. ARGV: now, the client. Ends all that the user has granted to the client; gives whether there was
-- anything.
free_to_write()
local has_any = false
for _, key in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if redis.call('HGET', key, 'client') == ARGV[2] then
    end_record(key, tonumber(ARGV[1]))
    has_any = true
  end
end
return answer(has_any and 'withdrawn' or 'nothing')
