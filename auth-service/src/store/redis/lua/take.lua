-- KEYS: the record. ARGV: now. Gives the record to one caller.
local state = redis.call('HMGET', KEYS[1], 'record', 'expires_at')
forget(KEYS[1])
if state[1] and tonumber(ARGV[1]) < tonumber(state[2]) then return answer('taken', state[1]) end
return answer('unknown')
