-- KEYS: the list of expiries. ARGV: now, most records. Gives how many have gone.
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, key in ipairs(due) do
  if string.sub(key, 1, #ENTRY) == ENTRY then
    drop_entry(string.sub(key, #ENTRY + 1))
  else
    forget(key)
  end
end
return answer('purged', tostring(#due))
