-- KEYS: what is spent. ARGV: now, when it expires. One caller hears that it was the first.
if is_live(KEYS[1], ARGV[1]) then return answer('spent') end
redis.call('HSET', KEYS[1], 'expires_at', ARGV[2])
keep(KEYS[1], ARGV[2], '', '')
return answer('first')
