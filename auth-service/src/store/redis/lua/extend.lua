-- KEYS: the record. ARGV: new expiry, now. What is gone stays gone.
local expires_at = redis.call('HGET', KEYS[1], 'expires_at')
if expires_at and tonumber(ARGV[2]) < tonumber(expires_at) then
  redis.call('HSET', KEYS[1], 'expires_at', ARGV[1])
  keep(KEYS[1], ARGV[1], '', '')
end
return answer('done')
